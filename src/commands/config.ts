import { showConfig } from '../config/show.ts'
import { loadConfig, serveOptions } from './command.ts'
import type { Command } from './command.ts'

export const config: Command = {
  usage: 'config [--zwibbler-conf FILE | --y-websocket]',
  about: 'prints the effective settings, without secrets',
  options: serveOptions,
  async run(values, context) {
    const { config: loaded, notices } = await loadConfig(context, values)
    for (const notice of notices) context.complain(notice)
    for (const line of showConfig(loaded)) context.print(line)
    return 0
  },
}
