/** Memory of sessions that do nothing. */
import { makeDocuments } from '../support/database.mjs'
import { memoryOf, startHelper } from '../support/process.mjs'

const SESSIONS = 10_000
const DOCUMENTS = 1_000
const SETTLE_MS = 3_000
const KIB = 1024

export async function idle({ client, freshNode, say }) {
  const ids = await makeDocuments(client, 'idle-', DOCUMENTS)
  const node = await freshNode()
  const listeners = [startHelper('listeners')]
  const server = startHelper('bare')
  try {
    const { port } = await server.ask({})
    const open = (what) => listeners[0].ask({ open: what })
    const ours = await added(node.pid, () =>
      open({
        port: node.port,
        ids: Array.from({ length: SESSIONS }, (_, i) => ids[i % DOCUMENTS]),
      }),
    )
    await listeners[0].stop()
    listeners[0] = startHelper('listeners')
    const naive = await added(server.pid, () =>
      open({ port, path: '/reader', ids: Array(SESSIONS).fill(null) }),
    )
    say([`ours ${(ours / KIB).toFixed(1)} KiB, bare socket ${(naive / KIB).toFixed(1)} KiB`])
    return [
      {
        name: 'memory per idle joined session, 10,000 on 1,000 documents',
        ...{ value: ours, unit: 'KiB', goal: { most: 8 * KIB } },
        beside: { ours, naive, unit: 'KiB' },
      },
    ]
  } finally {
    await listeners[0].stop()
    await server.stop()
    await node.stop()
  }
}

/** @returns bytes for each session */
async function added(pid, open) {
  const before = await memoryOf(pid)
  await open()
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  return ((await memoryOf(pid)) - before) / SESSIONS
}
