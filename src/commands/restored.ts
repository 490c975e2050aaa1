import { migrate } from '../postgres/migrate.ts'
import { giveNewEpochs } from '../postgres/restored.ts'
import { confOption, loadConfig, quietLog, withDatabase } from './command.ts'
import type { Command } from './command.ts'

export const restored: Command = {
  usage: 'restored',
  about: 'after the database was restored from a backup: gives every document a new epoch',
  options: confOption,
  async run(values, context) {
    const { config } = await loadConfig(context, values)
    const log = quietLog(config)
    const documents = await withDatabase(config, log, async (url) => {
      // The backup may be of an earlier release.
      await migrate(url, { log })
      return await giveNewEpochs(url, { log })
    })
    context.print(`${documents} documents have a new epoch`)
    return 0
  },
}
