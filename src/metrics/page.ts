/** The page of a whole process: the main thread's figures and its workers'. */
import { type Figures, mergeFigures, type Metrics } from '../metrics.ts'

export interface Page {
  read(): Promise<string>
  /** Workers that did not answer the last time. */
  readonly late: number
}

interface Answering {
  /** Rejects when it does not answer in time. */
  figures(): Promise<Figures>
}

/** @param workers those there are when it is read; a single one shares the main thread's registry */
export function makePage(metrics: Metrics, workers: readonly Answering[]): Page {
  const last = new Map<Answering, Figures>()
  let late = 0
  metrics.meter.gauge('workers', () => workers.length)
  metrics.meter.gauge('workers_late', () => late)

  /** What it said last stands for one that is late or has left: a counter that fell would look like a restart. */
  async function figuresOf(worker: Answering): Promise<boolean> {
    try {
      last.set(worker, await worker.figures())
      return true
    } catch {
      return false
    }
  }

  return {
    async read() {
      if (workers.length < 2) return mergeFigures([await metrics.read()])
      const all = [...workers]
      const answered = await Promise.all(all.map(figuresOf))
      late = answered.filter((isThere) => !isThere).length
      return mergeFigures([await metrics.read(), ...all.map((each) => last.get(each) ?? [])])
    },
    get late() {
      return late
    },
  }
}
