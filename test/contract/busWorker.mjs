/** A worker thread with a relayed bus that does what its parent says; plain JavaScript, because Node loads it itself. */
import { parentPort, workerData } from 'node:worker_threads'
import { makeRelayedBus } from '../../dist/local/relayed.js'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const bus = makeRelayedBus({ port: workerData.port, log })
const hearers = new Map()

bus.onGap((cause) => parentPort.postMessage({ kind: 'gap', cause }))
bus.onStatus((status) => parentPort.postMessage({ kind: 'status', status }))

function hearer(id, throws) {
  const known = hearers.get(id)
  if (known) return known
  const hear = (message) => {
    if (throws) throw new Error('as told')
    parentPort.postMessage({ kind: 'heard', id, message: new Uint8Array(message) })
  }
  hearers.set(id, hear)
  return hear
}

const orders = {
  async subscribe({ channel, id, throws, ticket }) {
    await bus.subscribe(channel, hearer(id, throws))
    parentPort.postMessage({ kind: 'done', ticket })
  },
  unsubscribe: ({ channel, id }) => bus.unsubscribe(channel, hearer(id)),
  publish: ({ channel, message }) => bus.publish(channel, message),
  async close({ ticket }) {
    await bus.close()
    parentPort.postMessage({ kind: 'done', ticket })
  },
}

parentPort.on('message', (order) => void orders[order.kind](order))
