/** Ten clients join a room of 50 MB, most of which is folded, while somebody types in another room of the same node. */
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile, show } from '../../support/figures.mjs'
import { startNode } from '../../support/nodes.mjs'
import { startHelper } from '../../support/process.mjs'
import { asServer, YJS_PATH } from './servers.mjs'

const BYTES = 50_000_000
const JOINERS = 10
const QUIET_MS = 3_000
const FOLD_MS = 180_000
const MOST_FRAME = 1024 * 1024

export async function yjsLargeRoom({ place, client, rounds, say }) {
  const node = await startNode(place)
  const server = asServer(node, 'y-websocket', YJS_PATH)
  const [crowd, typist] = [startHelper('yjsLargeRoom'), startHelper('yjsLargeRoom')]
  const quiet = []
  const busy = []
  let largest = 0
  try {
    await crowd.ask({ fill: { server, room: 'large', bytes: BYTES } })
    await folded(client)
    await typist.ask({ type: { server, room: 'small' } })
    for (let round = 0; round < rounds; round++) {
      await typist.ask({ look: true })
      await sleep(QUIET_MS)
      quiet.push(...(await typist.ask({ look: true })).times)
      const joined = await crowd.ask({ join: { server, room: 'large', clients: JOINERS } })
      const { times } = await typist.ask({ look: true })
      busy.push(...times)
      largest = Math.max(largest, joined.largest)
      say([
        `${JOINERS} joined in ${Math.round(joined.ms)} ms`,
        `${times.length} echoes, p50 ${show(quantile(times, 0.5), 'ms')}`,
        `p99 ${show(quantile(times, 0.99), 'ms')}, quiet ${show(quantile(quiet, 0.99), 'ms')}`,
      ])
    }
  } finally {
    await Promise.all([crowd.stop(), typist.stop()])
    await node.stop()
  }
  return [
    {
      name: `p99 of an echo while ${JOINERS} clients join a room of 50 MB`,
      ...{ value: quantile(busy, 0.99), unit: 'ms', goal: { most: 50 } },
      detail: `${show(quantile(quiet, 0.99), 'ms')} while nobody joins`,
    },
    {
      name: 'largest message to them',
      ...{ value: largest, unit: 'KiB', goal: { most: MOST_FRAME } },
    },
  ]
}

/** Resolves when nearly all of the room is in segments. */
async function folded(client) {
  const deadline = performance.now() + FOLD_MS
  while (performance.now() < deadline) {
    const { rows } = await client.query(
      `select from documents d join document_segments s on s.key = d.key
       where d.id = 'yjs/large' and s.replaced_at is null and s.to_offset > d.length * 0.95`,
    )
    if (rows.length > 0) return
    await sleep(500)
  }
  throw new Error('the room was not folded')
}
