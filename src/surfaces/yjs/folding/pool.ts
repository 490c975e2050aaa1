/**
 * Worker threads for what would hold up the event loop: folds, large updates, whole rooms. Few, below the node's own
 * priority where the system lets us, and gone while there is nothing to do.
 */
import { totalmem } from 'node:os'
import { Piscina } from 'piscina'
import { IdSet } from '../update/id-set.ts'
import { MalformedUpdate } from '../update/malformed.ts'
import type { UpdateMeta } from '../update/read-update.ts'
import { bytesIn, detached } from './moved.ts'
import type { Answer, CheckTask, InputOf, Job, ResultOf, TaskName } from './tasks.ts'

/** `full`: come back later. `failed`: the task threw, ended its thread or took too long. `closed`: the pool is going. */
export type PoolErrorCode = 'full' | 'failed' | 'closed'

export class PoolError extends Error {
  override readonly name = 'PoolError'
  readonly code: PoolErrorCode
  constructor(code: PoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface CheckedUpdate {
  readonly meta: UpdateMeta
  readonly pieces: readonly Uint8Array[]
}

/** Every method throws `PoolError`, and `MalformedUpdate` where an update is. */
export interface Pool {
  /** The parts are given away: their memory is gone afterwards. So it is with `restore`, `exportJson`, `mergeLog`. */
  compact(task: InputOf<'compact'>): Promise<ResultOf<'compact'>>
  restore(task: InputOf<'restore'>): Promise<ResultOf<'restore'>>
  exportJson(task: InputOf<'exportJson'>): Promise<ResultOf<'exportJson'>>
  /** One update of all records. */
  mergeLog(parts: InputOf<'mergeLog'>): Promise<Uint8Array>
  /** `readUpdate` and `cutUpdate` of a copy. */
  check(task: CheckTask): Promise<CheckedUpdate>
  /** `mergeRecords` of copies. */
  merge(updates: readonly Uint8Array[]): Promise<Uint8Array>
  /** Tasks that wait for a thread. */
  readonly waiting: number
  /** Ends the threads, whatever they do. */
  close(): Promise<void>
}

export interface PoolOptions {
  /** With two, a long fold leaves one for the rest. */
  readonly threads: number
  /** Tasks that may wait. */
  readonly most?: number
  /** Heap of one thread, else of what the process may have; bytes that are moved to it do not count. */
  readonly heapMb?: number
  /** A task that takes longer is ended, and its thread with it. */
  readonly deadlineMs?: number
}

const IDLE_MS = 30_000

/** Threads run JavaScript only: the tests, which run TypeScript, take what was built of it. */
const WORKER = new URL('./pool-worker.js', import.meta.url).href.replace('/src/', '/dist/')

const MB = 1024 * 1024
const MOST_HEAP_MB = 2_048

/** All threads together stay below half of the memory: a task is to fail before the system ends the process. */
function heapFor(threads: number): number {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity)
  return Math.floor(Math.min(MOST_HEAP_MB, memory / 2 / threads / MB))
}

export function makePool(options: PoolOptions): Pool {
  const { threads, most = 256, deadlineMs = 300_000 } = options
  const heapMb = options.heapMb ?? heapFor(threads)
  let closed = false
  const isClosed = () => closed
  let piscina: Piscina | undefined
  let running = 0
  let idle: NodeJS.Timeout | undefined

  function start(): Piscina {
    const started = new Piscina({
      filename: WORKER,
      // Where a thread has died, tasks that wait would get no other without this.
      minThreads: 1,
      maxThreads: threads,
      idleTimeout: IDLE_MS,
      maxQueue: most,
      niceIncrement: 5,
      // A thread that waits in Atomics never frees memory it has been sent.
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    })
    // Of a thread that ends without a task: the next task starts another.
    started.on('error', () => undefined)
    return started
  }

  async function stop(): Promise<void> {
    const stopped = piscina
    piscina = undefined
    clearTimeout(idle)
    await stopped?.destroy()
  }

  async function run<Name extends TaskName>(
    name: Name,
    input: InputOf<Name>,
  ): Promise<ResultOf<Name>> {
    if (isClosed()) throw new PoolError('closed', 'the worker pool is closed')
    clearTimeout(idle)
    piscina ??= start()
    if (piscina.queueSize >= most) throw new PoolError('full', 'too many tasks wait')
    const transferList = [...new Set(bytesIn(input).map(({ buffer }) => buffer as ArrayBuffer))]
    const job: Job<Name> = { name, input }
    let answer: Answer
    running++
    try {
      const signal = AbortSignal.timeout(deadlineMs)
      answer = (await piscina.run(job, { transferList, signal })) as Answer
    } catch (error) {
      const code = isClosed() ? 'closed' : 'failed'
      throw new PoolError(code, `a worker thread did not finish: ${name}`, { cause: error })
    } finally {
      // Threads that nobody needs would keep what they have grown to.
      if (--running === 0 && !isClosed()) idle = setTimeout(() => void stop(), IDLE_MS).unref()
    }
    if ('malformed' in answer) throw new MalformedUpdate(answer.malformed)
    return answer.result as ResultOf<Name>
  }

  return {
    compact: (task) => run('compact', detached(task)),
    restore: (task) => run('restore', detached(task)),
    exportJson: (task) => run('exportJson', detached(task)),
    mergeLog: (parts) => run('mergeLog', detached(parts)),
    async check({ update, most: pieceBytes }) {
      const input = { update: new Uint8Array(update), most: pieceBytes }
      const { structs, deletes, size, pieces } = await run('check', input)
      const meta = { structs: IdSet.decode(structs), deletes: IdSet.decode(deletes), size }
      const isEmpty = meta.structs.isEmpty && meta.deletes.isEmpty
      return { meta: { ...meta, isEmpty }, pieces }
    },
    merge: (updates) =>
      run(
        'merge',
        updates.map((update) => new Uint8Array(update)),
      ),
    get waiting() {
      return piscina?.queueSize ?? 0
    },
    async close() {
      closed = true
      await stop()
    },
  }
}
