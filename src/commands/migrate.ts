import { migrate as migrateDatabase } from '../postgres/migrate.ts'
import { confOption, loadConfig, quietLog, withDatabase } from './command.ts'
import type { Command } from './command.ts'

export const migrate: Command = {
  usage: 'migrate',
  about: 'brings the database up to date and ends: for MIGRATE=0, before new nodes start',
  options: confOption,
  async run(values, context) {
    const { config } = await loadConfig(context, values)
    const log = quietLog(config)
    const applied = await withDatabase(config, log, (url) =>
      migrateDatabase(url, { log }).catch((error: unknown) => {
        throw located(error, url)
      }),
    )
    for (const name of applied) context.print(`applied ${name}`)
    context.print('the database schema is up to date')
    return 0
  },
}

/** Often the only line of a Job that failed: `self-signed certificate` alone says of neither what nor whose. */
function located(error: unknown, url: string): Error {
  const message = error instanceof Error ? error.message : String(error)
  const { host } = new URL(url)
  const what = host === '' ? 'the database' : `the database at ${host}`
  return new Error(`${what}: ${message}`, { cause: error })
}
