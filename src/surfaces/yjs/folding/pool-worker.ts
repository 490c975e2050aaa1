/** One worker thread of the pool. */
import Piscina, { move } from 'piscina'
import { bytesIn, detached } from './moved.ts'
import { run, type Answer, type Job } from './tasks.ts'

export default function work(job: Job): unknown {
  const answer: Answer = detached(run(job))
  const buffers = new Set(bytesIn(answer).map(({ buffer }) => buffer))
  return move({
    [Piscina.transferableSymbol as symbol]: [...buffers],
    [Piscina.valueSymbol as symbol]: answer,
  } as unknown as ArrayBuffer)
}
