/**
 * `lengthwise/client`: opens a document on a Lengthwise server, or on any that speaks the Zwibbler collaboration protocol,
 * and keeps it open. For browsers and Node; imports nothing.
 */
export { connect } from './connect.ts'
export type { Connection, ConnectionEvents, Counters, Status } from './connection.ts'
export type { Delivery } from './appends.ts'
export type { Backoff } from './backoff.ts'
export type { Creation } from './codec.ts'
export { ConnectionError } from './errors.ts'
export type { ErrorCode } from './errors.ts'
export type { Key } from './keyTable.ts'
export type { Keys, Lifetime, SetOutcome, UpdateOutcome } from './keys.ts'
export type { WebSocketConstructor, WebSocketLike } from './link.ts'
export type { ConnectOptions } from './options.ts'
export type { AppendOutcome, Rebase } from './pending.ts'
