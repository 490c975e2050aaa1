#!/usr/bin/env node
/** The command line. Exit codes: 0 fine, 1 failure, 2 not understood or badly configured. */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Command, type Context, UsageError, type Values } from './commands/command.ts'
import { config } from './commands/config.ts'
import { importLeveldb } from './commands/import-leveldb.ts'
import { migrate } from './commands/migrate.ts'
import { restored } from './commands/restored.ts'
import { serve } from './commands/serve.ts'
import { token } from './commands/token.ts'
import { ConfigError } from './config.ts'

const commands: Readonly<Record<string, Command>> = {
  ...{ serve, migrate, config, token, restored },
  'import-leveldb': importLeveldb,
}

async function main(args: readonly string[], context: Context): Promise<number> {
  const [name = '', ...rest] = args
  if (name === '--version' || name === '-v') return say(context.version)
  if (name === '--help' || name === '-h' || name === 'help') return say(help())
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  try {
    if (command === undefined)
      throw new UsageError(name === '' ? 'no command' : `no command ${name}`)
    const values = readOptions(command, rest)
    if (values.help === true) return say(`${helpOf(command)}\n    ${command.about}`)
    return await command.run(values, context)
  } catch (error) {
    return explain(error, command)
  }

  function say(text: string): number {
    context.print(text)
    return 0
  }

  function explain(error: unknown, tried: Command | undefined): number {
    const message = error instanceof Error ? error.message : String(error)
    context.complain(`lengthwise: ${message}`)
    if (error instanceof UsageError) context.complain(tried === undefined ? help() : helpOf(tried))
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1
  }
}

function readOptions({ options, argument }: Command, args: string[]): Values {
  try {
    const all = { ...options, help: { type: 'boolean', short: 'h' } } as const
    const allowPositionals = argument !== undefined
    const { values, positionals } = parseArgs({
      args,
      options: all,
      strict: true,
      allowPositionals,
    })
    const [first, second] = positionals
    if (second !== undefined) throw new Error(`unexpected argument '${second}'`)
    return { ...values, ...(argument !== undefined && { [argument]: first }) }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function helpOf({ usage }: Command): string {
  return usage
    .split('\n')
    .map((line) => `  lengthwise ${line}`)
    .join('\n')
}

function help(): string {
  const all = Object.values(commands).map((command) => `${helpOf(command)}\n    ${command.about}`)
  const more = 'Settings come from the environment: see the README, or `lengthwise config`.'
  return ['lengthwise: a horizontally scaled collaboration server', ...all, more].join('\n\n')
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

const code = await main(process.argv.slice(2), {
  env: process.env,
  version: await readVersion(),
  print: (line) => void process.stdout.write(`${line}\n`),
  complain: (line) => void process.stderr.write(`${line}\n`),
})
process.exitCode = code
// A node that has drained may still have handles of its libraries open.
if (code !== 0 || process.argv[2] === 'serve') process.exit()
