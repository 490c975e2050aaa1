/** A server with one small surface, and clients for it. */
import { connect as tcpConnect, type Socket } from 'node:net'
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http'
import WebSocket, { type ClientOptions } from 'ws'
import { defaultSocketLimits, type SocketLimits } from '../../../src/socket/limits.ts'
import { makeServer, type SocketServerOptions } from '../../../src/socket/server.ts'
import type {
  Connection,
  Conversation,
  HttpAnswer,
  HttpRequest,
  Surface,
} from '../../../src/surfaces/surface.ts'
import { meterOf } from '../../collab/support/meter.ts'
import { until } from '../../support/wait.ts'

/** What a conversation of the test surface was told. */
export interface Spoken extends Conversation {
  readonly connection: Connection
  readonly messages: Buffer[]
  drains: number
  closedTimes: number
  drainAsked: number
}

export interface TestSurface extends Surface {
  readonly spoken: Spoken[]
}

export interface SurfaceOptions {
  name?: string
  path?: string
  compress?: boolean
  maxMessageBytes?: number
  http?: (request: HttpRequest) => Promise<HttpAnswer>
  onConnect?: (spoken: Spoken) => void
  onMessage?: (spoken: Spoken, data: Uint8Array) => void
  onDrained?: (spoken: Spoken) => void
  onDrain?: (spoken: Spoken) => void
}

/** Echoes and is established at once, unless told to do something else. */
export function makeSurface(options: SurfaceOptions = {}): TestSurface {
  const spoken: Spoken[] = []
  const echo = ({ connection }: Spoken, data: Uint8Array): void => connection.outlet.send(data)
  return {
    name: options.name ?? 'test',
    path: options.path ?? '/socket',
    maxMessageBytes: options.maxMessageBytes ?? 1_000,
    spoken,
    compresses: (query) => (options.compress ?? false) && query.get('compression') !== '0',
    http: options.http ?? (() => Promise.resolve({ status: 200, body: 'surface' })),
    connect(connection) {
      const one: Spoken = {
        connection,
        messages: [],
        drains: 0,
        closedTimes: 0,
        drainAsked: 0,
        message(data) {
          one.messages.push(Buffer.from(data)) // a copy
          ;(options.onMessage ?? echo)(one, data)
        },
        drained() {
          one.drains += 1
          options.onDrained?.(one)
        },
        closed: () => (one.closedTimes += 1),
        drain() {
          one.drainAsked += 1
          if (options.onDrain) options.onDrain(one)
          else connection.outlet.end(1012, 'restart')
        },
      }
      spoken.push(one)
      if (options.onConnect) options.onConnect(one)
      else connection.established()
      return one
    },
  }
}

export interface BedOptions extends Partial<Omit<SocketServerOptions, 'surfaces' | 'limits'>> {
  surfaces?: readonly Surface[]
  limits?: Partial<SocketLimits>
}

export async function makeBed({ surfaces = [makeSurface()], limits, ...rest }: BedOptions = {}) {
  const hit: string[] = []
  const logged: { level: string; fields: object; message: string }[] = []
  const log = (level: string) => (fields: object, message: string) =>
    void logged.push({ level, fields, message })
  const server = makeServer({
    host: '127.0.0.1',
    port: 0,
    exclusive: true,
    surfaces,
    limits: { ...defaultSocketLimits, ...limits },
    meter: meterOf({ limit: (name: string) => void hit.push(name) }),
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    ...rest,
  })
  const { port, ownPorts } = await server.listen()
  const clients: { terminate(): void }[] = []
  return {
    server,
    port,
    ownPorts,
    /** Names of limits that were hit. */
    hit,
    logged,
    client(path = '/socket', options: ClientOptions & { port?: number; scheme?: string } = {}) {
      const { port: at = port, scheme = 'ws', ...others } = options
      const client = new Client(
        new WebSocket(`${scheme}://127.0.0.1:${at}${path}`, {
          perMessageDeflate: false,
          ...others,
        }),
      )
      clients.push(client)
      return client
    },
    /** A handshake made by hand, so that the test decides when bytes are read and written. */
    async raw(path = '/socket') {
      const socket = tcpConnect(port, '127.0.0.1')
      clients.push({ terminate: () => socket.destroy() })
      socket.on('error', () => undefined)
      socket.write(handshake(path))
      await untilHead(socket)
      return socket
    },
    get: (path: string, options: RequestOptions & { body?: string | Buffer } = {}) =>
      fetchFrom({ port, path, ...options }),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.terminate()
      await server.close()
    },
  }
}

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

export function handshake(path: string, changes: Record<string, string | undefined> = {}): string {
  const headers: Record<string, string | undefined> = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...changes,
  }
  const lines = Object.entries(headers)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value ?? ''}`)
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}

function untilHead(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('closed during the handshake')))
    socket.once('readable', () => {
      const first = socket.read() as Buffer
      const end = first.indexOf('\r\n\r\n') + 4
      if (!first.toString().startsWith('HTTP/1.1 101')) reject(new Error(first.toString()))
      if (end < first.length) socket.unshift(first.subarray(end))
      resolve()
    })
  })
}

export class Client {
  readonly ws: WebSocket
  readonly messages: Buffer[] = []
  closedWith: { code: number; reason: string } | undefined
  refusedWith: { status: number; headers: IncomingHttpHeaders; body: string } | undefined
  headers: IncomingHttpHeaders = {}
  pings = 0

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('message', (data) => this.messages.push(data as Buffer))
    ws.on('ping', () => (this.pings += 1))
    ws.on('upgrade', ({ headers }) => (this.headers = headers))
    ws.on('close', (code, reason) => (this.closedWith ??= { code, reason: reason.toString() }))
    ws.on('error', () => undefined)
    ws.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        this.refusedWith = { status, headers, body: Buffer.concat(chunks).toString() }
      })
    })
  }

  get isOpen(): boolean {
    return this.ws.readyState === WebSocket.OPEN
  }

  opened = () => until('the client is connected', () => this.isOpen)
  closed = (withinMs = 10_000) =>
    until('the client is disconnected', () => this.closedWith, { withinMs })
  refused = () => until('the client is refused', () => this.refusedWith)
  terminate = () => this.ws.terminate()

  async hears(text: string): Promise<void> {
    await until(`the client hears ${text.slice(0, 40)}`, () =>
      this.messages.some((message) => message.toString() === text),
    )
  }
}

export interface Fetched {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

export function fetchFrom({
  body,
  ...options
}: RequestOptions & { body?: string | Buffer }): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', agent: false, ...options }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}
