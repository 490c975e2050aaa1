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
    const applied = await withDatabase(config, log, (url) => migrateDatabase(url, { log }))
    for (const name of applied) context.print(`applied ${name}`)
    context.print('the database schema is up to date')
    return 0
  },
}
