/** Worker threads of a node from outside, by Node's own inspector: nothing of it is in the product. */
import { WebSocket } from 'ws'
import type { TestNode } from './nodes.ts'
import { freePort } from './ports.ts'
import { until } from './wait.ts'

interface Message {
  readonly method?: string
  readonly params?: { readonly sessionId: string; readonly workerInfo: { readonly url: string } }
}

/** Where the inspector of a node will listen; part of its environment. */
export async function inspectable(): Promise<{ port: number; env: Record<string, string> }> {
  const port = await freePort()
  return { port, env: { NODE_OPTIONS: `--inspect-port=127.0.0.1:${port}` } }
}

/** The first thread that serves sockets never comes out of a loop again. The main thread goes on. */
export async function hangThread(node: TestNode, port: number): Promise<void> {
  process.kill(node.pid, 'SIGUSR1')
  const target = await until('the inspector listens', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`)
    return ((await answer.json()) as { webSocketDebuggerUrl: string }[])[0]
  })
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  const threads: string[] = []
  socket.on('message', (data: Buffer) => {
    const { method, params } = JSON.parse(data.toString()) as Message
    if (method === 'NodeWorker.attachedToWorker' && params?.workerInfo.url.endsWith(SERVING))
      threads.push(params.sessionId)
  })
  let id = 0
  const ask = (method: string, params: object): void =>
    socket.send(JSON.stringify({ id: ++id, method, params }))
  await new Promise((resolve) => socket.once('open', resolve))
  ask('NodeWorker.enable', { waitForDebuggerOnStart: false })
  const sessionId = await until('its threads are known', () => threads[0])
  const hang = { id: 1, method: 'Runtime.evaluate', params: { expression: 'for (;;);' } }
  ask('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify(hang) })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.close()
  await closed
}

const SERVING = '/worker-thread.js'
