/** A server in a worker thread; the built one, since threads do not read TypeScript. */
import { parentPort, workerData } from 'node:worker_threads'
import { makeServer } from '../../../dist/socket/server.js'

const nothing = () => undefined
const server = makeServer({
  host: '127.0.0.1',
  port: workerData.port,
  meter: new Proxy({}, { get: () => nothing }),
  log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  surfaces: [
    {
      name: 'test',
      path: '/socket',
      maxMessageBytes: 1_000,
      compresses: () => false,
      http: () => Promise.resolve({ status: 200 }),
      connect: ({ outlet }) => ({
        message: () => outlet.send(Buffer.from(workerData.name)),
        drained: nothing,
        closed: () => parentPort.postMessage('closed'),
        drain: nothing,
      }),
    },
  ],
})
parentPort.once('message', () => void server.close())
const { port } = await server.listen()
parentPort.postMessage(port)
