import type { Creation } from './codec.ts'
import type { Backoff } from './backoff.ts'
import type { WebSocketConstructor } from './link.ts'
import type { Rebase } from './pending.ts'

export interface ConnectOptions {
  /** Of the server's socket, for example `wss://example.org/socket`; http(s) is taken for ws(s). */
  readonly url: string | URL
  /**
   * The document's id, or a token or JWT that stands for it. A function is asked before each connection, so that it can
   * bring a fresh JWT.
   */
  readonly document: string | (() => string | Promise<string>)
  /** Whether the first connection may, must not or must create the document. Later ones never do. Default `if-missing`. */
  readonly create?: Creation
  /** What the document begins with if this client creates it. */
  readonly initialData?: Uint8Array
  /** What the caller has of the document from an earlier run. Without it everything is delivered from 0. */
  readonly from?: { readonly offset: number; readonly epoch?: number }
  /**
   * Adapts a change to what others stored before it. Without it changes are appended as they were made.
   *
   * An append whose answer was lost is recognised by its bytes, so changes must be told apart by theirs: give each a random
   * id, unless two equal changes may as well be one.
   */
  readonly rebase?: Rebase
  /** Begin without a connection; `resume()` makes one. */
  readonly suspended?: boolean
  /** Default: the global one. Node before 22 has none: pass that of `ws`. */
  readonly WebSocket?: WebSocketConstructor
  /** Default 250 ms to 15 s. */
  readonly backoff?: Backoff
  /** How long the server may take to let us in. Default 15,000. */
  readonly joinMs?: number
  /** How long the server may take to answer. Default 20,000. */
  readonly answerMs?: number
  /** After this long without a word the connection is tested; 0 never tests. Default 30,000. */
  readonly heartbeatMs?: number
  /** How long after a join the server may take to tell all keys. Default 1,000. */
  readonly settleMs?: number
  /** Larger messages are sent in several frames. Default 65,536. */
  readonly maxFrameBytes?: number
  /** Waiting changes go together in one append up to this size. Default 65,536. */
  readonly maxBatchBytes?: number
}

export type Settings = ReturnType<typeof readOptions>

/** @throws TypeError when the URL is none, or there is no WebSocket */
export function readOptions(options: ConnectOptions) {
  const url = new URL(options.url)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  const WebSocket = options.WebSocket ?? (globalThis as Partial<typeof globalThis>).WebSocket
  if (!WebSocket) throw new TypeError('no WebSocket here: pass one in the options')
  const { document, create = 'if-missing', initialData = new Uint8Array() } = options
  return {
    url,
    WebSocket,
    ask: typeof document === 'function' ? document : () => document,
    create,
    initialData,
    from: options.from ?? { offset: 0 },
    rebase: options.rebase,
    isSuspended: options.suspended ?? false,
    backoff: options.backoff ?? { minMs: 250, maxMs: 15_000 },
    joinMs: options.joinMs ?? 15_000,
    answerMs: options.answerMs ?? 20_000,
    heartbeatMs: options.heartbeatMs ?? 30_000,
    settleMs: options.settleMs ?? 1_000,
    maxFrameBytes: Math.max(64, options.maxFrameBytes ?? 65_536),
    maxBatchBytes: options.maxBatchBytes ?? 65_536,
  }
}

/**
 * A wire without an epoch cannot see that a document was made again between two connections. So the URL asks: `epoch=0` for
 * the epoch (it comes in the generation field of appends), `epoch=n` for error 3 if it is not n any more. Servers that do
 * not know the question ignore it and send generation 0.
 */
export function socketUrl(base: URL, epoch: number): string {
  const url = new URL(base)
  url.searchParams.set('epoch', String(epoch))
  return url.href
}
