import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from '../support/wait.ts'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export type Environment = Readonly<Record<string, string>>

export interface Ended {
  readonly code: number | string
  readonly out: string
  readonly err: string
}

export interface Running extends AsyncDisposable {
  /** Log lines so far. */
  readonly lines: Readonly<Record<string, unknown>>[]
  /** The first line of the log with this message. */
  logs(message: string): Promise<Readonly<Record<string, unknown>>>
  signal(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
}

/** `lengthwise …` as it is installed, with only these variables set. */
export function start(args: readonly string[], env: Environment = {}): Running {
  if (!existsSync(main)) throw new Error('these tests need the build: npm run build')
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A test that ran out of time disposes of nothing.
  const endWithUs = (): void => void child.kill('SIGTERM')
  process.once('exit', endWithUs)
  const lines: Record<string, unknown>[] = []
  let out = ''
  let err = ''
  child.stdout.on('data', (part: Buffer) => (out += part.toString()))
  child.stderr.on('data', (part: Buffer) => (err += part.toString()))
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) lines.push(JSON.parse(line) as Record<string, unknown>)
  })
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (code, signal) => resolve({ code: code ?? signal ?? '', out, err })),
  )
  return {
    lines,
    ended,
    signal: (signal) => child.kill(signal),
    logs: (message) =>
      until(`the log says ${message}`, () => {
        const found = lines.find(({ msg }) => msg === message)
        if (found === undefined && child.exitCode !== null)
          throw new Error(`it ended: ${out}${err}`)
        return found
      }),
    async [Symbol.asyncDispose]() {
      process.off('exit', endWithUs)
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Runs a command to its end. */
export async function lengthwise(args: readonly string[], env: Environment = {}): Promise<Ended> {
  await using running = start(args, env)
  return await running.ended
}
