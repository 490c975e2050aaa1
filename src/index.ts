/** For programs that run a node of their own, in their process. The client is `lengthwise/client`. */
export { ConfigError, readConfig } from './config.ts'
export type { Config } from './config.ts'
export type { Log } from './core/log.ts'
export { makeLog } from './log.ts'
export type { LogOptions } from './log.ts'
export { startNode } from './node.ts'
export type { NodeOptions, RunningNode } from './node.ts'
export { migrate } from './postgres/migrate.ts'
