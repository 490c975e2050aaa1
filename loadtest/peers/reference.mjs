/** @y/websocket-server as it comes; YPERSISTENCE names the folder of its LevelDB. It does not say which port it has. */
import { createServer } from 'node:net'

const probe = createServer().listen(0, '127.0.0.1')
await new Promise((resolve) => probe.once('listening', resolve))
const { port } = probe.address()
await new Promise((resolve) => probe.close(resolve))
process.env.HOST = '127.0.0.1'
process.env.PORT = String(port)
const { log } = console
console.log = (text) => {
  if (text.startsWith('running at')) log(JSON.stringify({ port }))
}
console.info = () => undefined
await import('./node_modules/@y/websocket-server/src/server.js')
