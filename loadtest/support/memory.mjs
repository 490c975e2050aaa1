/** What sessions cost a node in memory, seen from outside while a load runs. */
import { memoryOf } from './process.mjs'

const EVERY_MS = 250
const KIB = 1024

/** @param pids of the nodes. @returns `between(from, to)`: the middle of what was seen in that time, and `stop()` */
export async function watchMemory(pids) {
  const samples = []
  const look = async () => {
    const each = await Promise.all(pids.map((pid) => memoryOf(pid)))
    samples.push({ at: Date.now(), bytes: each.reduce((sum, bytes) => sum + bytes, 0) })
  }
  await look()
  // A node that ends in the middle is seen by everybody else.
  const timer = setInterval(() => void look().catch(() => undefined), EVERY_MS)
  return {
    before: samples[0].bytes,
    between(from, to) {
      const within = samples.filter(({ at }) => at >= from && at < to).map(({ bytes }) => bytes)
      return within.sort((a, b) => a - b)[Math.floor(within.length / 2)]
    },
    stop: () => clearInterval(timer),
  }
}

/** @returns a line of the table */
export const memoryLine = ({ before, during, sessions }) =>
  `memory of the nodes: ${mib(before)} before, ${mib(during)} with ${sessions} sessions: ` +
  `${((during - before) / sessions / KIB).toFixed(1)} KiB each`

const mib = (bytes) => `${Math.round(bytes / KIB / KIB)} MiB`
