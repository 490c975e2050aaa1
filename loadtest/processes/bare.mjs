/** The least that can be done with uWebSockets.js: whatever is sent to `/writer` is published to all readers. */
import * as uws from 'uWebSockets.js'
import { serveHelper } from '../support/process.mjs'

const limits = { maxBackpressure: 0, idleTimeout: 0, sendPingsAutomatically: false }
const app = uws.App()
app.ws('/reader', { ...limits, open: (socket) => void socket.subscribe('document') })
app.ws('/writer', { ...limits, message: (_, data) => void app.publish('document', data, true) })
app.get('/metrics', (response) => {
  const { user, system } = process.cpuUsage()
  response.end(`process_cpu_seconds_total ${(user + system) / 1e6}\n`)
})
let port
app.listen('127.0.0.1', 0, (socket) => (port = uws.us_socket_local_port(socket)))
serveHelper(() => Promise.resolve({ port }))
