/**
 * Plays a script of real frames against nodes: one line a frame, `A > hex` from a client, `A < hex` to it, `A close` when
 * it leaves, `A end 1008` when the server ends it. Clients appear with their first line; `@` in front of a name says on
 * which node (`A@1 > …`; default 0). `{id}` stands for four bytes that are new in each run.
 */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { expect } from 'vitest'

class Client {
  readonly socket: WebSocket
  readonly #events: string[] = []
  #waiting: ((event: string) => void) | undefined

  constructor(url: string) {
    this.socket = new WebSocket(url, { perMessageDeflate: false })
    this.socket.on('message', (data: Buffer, isBinary) => {
      this.#add(isBinary ? data.toString('hex') : 'text')
    })
    this.socket.on('close', (code) => this.#add(`end ${code}`))
    this.socket.on('error', () => undefined)
  }

  #add(event: string): void {
    if (this.#waiting) this.#waiting(event)
    else this.#events.push(event)
    this.#waiting = undefined
  }

  async next(): Promise<string> {
    const ready = this.#events.shift()
    if (ready !== undefined) return ready
    return await new Promise((resolve) => (this.#waiting = resolve))
  }

  get unexpected(): readonly string[] {
    return this.#events
  }
}

/** @param urls of the nodes. Fails at the first frame that is not what the script says */
export async function play(script: string, urls: readonly string[]): Promise<void> {
  const id = Buffer.from(Math.random().toString(36).slice(2, 6).padEnd(4, 'x')).toString('hex')
  const clients = new Map<string, Client>()
  for (const line of script.split('\n')) {
    const match = /^\s*(\w+)(?:@(\d))?\s+(<|>|close|end)\s*([^#]*)/.exec(line)
    if (!match) continue
    const [, name, node, verb, rest] = match as unknown as [
      string,
      string,
      string?,
      string?,
      string?,
    ]
    let client = clients.get(name)
    if (!client) {
      client = new Client(urls[Number(node ?? 0)]!)
      clients.set(name, client)
      await once(client.socket, 'open')
    }
    const hex = (rest ?? '').replaceAll('{id}', id).replace(/\s+/g, '')
    if (verb === '>') client.socket.send(Buffer.from(hex, 'hex'))
    else if (verb === '<') expect(await client.next(), line.trim()).toBe(hex)
    else if (verb === 'end') expect(await client.next(), line.trim()).toBe(`end ${hex}`)
    else client.socket.close()
  }
  for (const [name, client] of clients) {
    expect(client.unexpected, `more for ${name}`).toEqual([])
    client.socket.terminate()
  }
}
