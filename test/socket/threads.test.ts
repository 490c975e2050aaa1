import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { until } from '../support/wait.ts'
import { Client } from './support/bed.ts'

async function startThread(name: string, port: number) {
  const thread = new Worker(new URL('./support/thread.mjs', import.meta.url), {
    workerData: { name, port },
  })
  const heard: unknown[] = []
  let exitCode: number | undefined
  thread.on('message', (message) => heard.push(message))
  thread.on('exit', (code) => (exitCode = code))
  thread.on('error', (error) => heard.push(error))
  const listening = (await until('the thread listens', () => heard[0])) as number
  return {
    port: listening,
    heard,
    /** Lets the thread come to its end by itself. */
    async end(): Promise<number> {
      thread.postMessage('close')
      await until('the thread has ended', () => exitCode !== undefined)
      return exitCode!
    },
  }
}

test('threads share a port, and end by themselves when their server is closed', async () => {
  const one = await startThread('one', 0)
  const two = await startThread('two', one.port)
  expect(two.port).toBe(one.port)
  const answers = new Set<string>()
  const clients: Client[] = []
  // Which of them gets a connection is the kernel's to choose.
  await until('both have answered', async () => {
    const client = new Client(new WebSocket(`ws://127.0.0.1:${one.port}/socket`))
    clients.push(client)
    await client.opened()
    client.ws.send('who?')
    const message = await until('it answers', () => client.messages[0])
    return answers.add(message.toString()).size === 2
  })
  expect(await one.end()).toBe(0)
  const open = clients.filter((client) => client.isOpen)
  for (const client of open) {
    client.ws.send('who?')
    await until('it is answered by the other', () => client.messages.length === 2)
  }
  expect(one.heard.filter((message) => message === 'closed')).not.toEqual([])
  expect(await two.end()).toBe(0)
})
