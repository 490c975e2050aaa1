/**
 * V8 collects garbage when memory is asked for: a node that everybody has left would keep all that they have left behind, for as
 * long as nobody comes. So it is collected when nobody is there to notice the stop, some 50 ms.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const LOOK_MS = 5_000
/** Less than this is not worth a stop. */
const SLACK = { ratio: 1.3, bytes: 8 * 1024 * 1024 } as const

export interface TidyingOptions {
  /** Whether nobody is connected. */
  readonly isDeserted: () => boolean
  readonly heapBytes?: () => number
  readonly collect?: () => void
}

export function startTidying({
  isDeserted,
  heapBytes = () => getHeapStatistics().used_heap_size,
  collect = makeCollector(),
}: TidyingOptions): { stop(): void } {
  let wasDeserted = false
  let kept = heapBytes()
  const look = (): void => {
    const isStill = wasDeserted && isDeserted()
    wasDeserted = isDeserted()
    // Rooms stay for a moment, and what was left in them is folded: not at the first look.
    if (!isStill || heapBytes() < kept * SLACK.ratio + SLACK.bytes) return
    collect()
    kept = heapBytes()
  }
  const timer = setInterval(look, LOOK_MS)
  return { stop: () => clearInterval(timer) }
}

/** Of this thread's heap. */
function makeCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
