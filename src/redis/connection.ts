/**
 * One connection to one Redis server, without any of ioredis' own recovery: it queues PUBLISHes while disconnected,
 * may send one twice, and resubscribes without waiting or telling. What happens after a loss is decided in `keeper.ts`.
 */
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'

/** Where a server is, and how to get in. */
export interface Server {
  /** redis:// or rediss://, with username, password and database if need be. */
  readonly url: string
  /** 2 for servers and proxies that get RESP3 wrong. */
  readonly protocol?: 2 | 3
}

export interface ConnectionOptions {
  readonly server: Server
  /** Shown in CLIENT LIST. */
  readonly name: string
  /** When a command is given up; unset: never. */
  readonly commandMs?: number | undefined
}

export interface Connection {
  readonly redis: Redis
  /** Settles when the connection is over, however it ended. */
  readonly ended: Promise<void>
  /** Ends it at once, also when the other side no longer answers. */
  destroy(): void
}

/** Over the TCP, TLS and HELLO round trips together: a half-open server accepts and then says nothing. */
const CONNECT_MS = 3_000

const withoutRecovery = {
  lazyConnect: true,
  retryStrategy: () => null,
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // Publishing and subscribing work while Redis is loading its data.
  enableReadyCheck: false,
  disableClientInfo: true,
  connectTimeout: CONNECT_MS,
  disconnectTimeout: 0,
} satisfies RedisOptions

/**
 * @param signal destroys the connection, also while it is being made
 * @throws Error when the server cannot be reached or refuses us, within 3 s
 */
export async function openConnection(
  { server, name, commandMs }: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection> {
  const redis = new Redis(server.url, {
    ...withoutRecovery,
    protocol: server.protocol ?? 3,
    connectionName: name,
    commandTimeout: commandMs,
  })
  let failure: unknown
  // Without a listener ioredis prints it; what it says is told by the promise that rejects.
  redis.on('error', (error: unknown) => (failure = error))
  const ended = new Promise<void>((resolve) => redis.once('end', resolve))
  signal.addEventListener('abort', destroy)
  void ended.then(() => signal.removeEventListener('abort', destroy))
  function destroy(): void {
    redis.removeAllListeners('messageBuffer').removeAllListeners('smessageBuffer')
    redis.disconnect()
  }
  const deadline = setTimeout(() => {
    failure ??= new Error(`no answer within ${CONNECT_MS} ms`)
    destroy()
  }, CONNECT_MS)
  try {
    await redis.connect()
    return { redis, ended, destroy }
  } catch (error) {
    destroy()
    throw failure ?? error
  } finally {
    clearTimeout(deadline)
  }
}
