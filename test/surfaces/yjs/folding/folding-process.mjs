// Folds one room again and again, as fast as it can, until it is killed: node folding-process.mjs <database> <epoch>
import { makeDocumentStore } from '../../../../dist/postgres/documents.js'
import { makePools } from '../../../../dist/postgres/pool.js'
import { makeSegmentStore } from '../../../../dist/postgres/segments.js'
import { makeFolder } from '../../../../dist/surfaces/yjs/folding/folder.js'
import { makePool } from '../../../../dist/surfaces/yjs/folding/pool.js'

const [url, room] = process.argv.slice(2)
const epoch = Number(room)
const nothing = () => undefined
const pools = makePools({
  url,
  statementMs: 5_000,
  sizes: { appends: 1, alone: 1, reads: 1, others: 2 },
  onServerChange: nothing,
  onError: nothing,
})
const store = makeDocumentStore(pools)
const folder = makeFolder({
  segments: makeSegmentStore(pools),
  read: (...range) => store.read(...range),
  pool: makePool({ threads: 1 }),
  meter: { folded: nothing, quarantined: nothing },
  log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  holder: `process ${process.pid}`,
  gc: true,
  delayMs: 600_000,
  restMs: 0,
  retryMs: 0,
  claimMs: 200,
  // Some folds are minor ones.
  majorBytes: process.pid % 2 === 0 ? 8_000 : 10_000_000,
})
process.send('ready')
for (;;) {
  const state = (await store.states([epoch])).get(epoch)
  if (state?.length > 0)
    folder.consider(epoch, { head: state.length, rows: 500, ageMs: 0, isDeserted: false })
  await folder.idle()
  await new Promise((resolve) => setTimeout(resolve, 1))
}
