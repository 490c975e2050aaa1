/**
 * `helm test`: a client of each surface opens a document through the Service, stores something, and another one reads it back.
 * Runs in the nodes' image, in their environment; TARGET is where clients connect.
 */
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

// This file is not in the image's folder; what it imports is.
const { resolve } = createRequire(`${process.cwd()}/package.json`)
const load = async (name) => await import(pathToFileURL(resolve(name)).href)
const { env } = process
const isOn = (name, byDefault) => /^(1|true|yes|on)$/i.test(env[name] || byDefault)
const surfaces = (env.SURFACES || 'all').split(',').map((name) => name.trim())
const isServed = (name) => surfaces.includes('all') || surfaces.includes(name)
const DEADLINE_MS = 40_000

let trouble = ''
const deadline = setTimeout(() => end(`no answer in time ${trouble}`), DEADLINE_MS)
let tried = 0
if (isServed('zwibbler')) await tryZwibbler()
if (isServed('yjs')) await tryYjs()
clearTimeout(deadline)
if (tried === 0)
  end('nothing could be tried: no surface is open to this test; see `test` in the values')
process.exit(0)

function end(why) {
  console.error(`failed: ${why}`)
  process.exit(1)
}

/** What lets the test in: given, signed with the key, or nothing where nothing is asked for. */
async function sign(key, isBase64, claims) {
  const { SignJWT } = await load('jose')
  const secret = Buffer.from(key, isBase64 ? 'base64' : 'utf8')
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(secret)
}

async function tryZwibbler() {
  const id = `helm-test-${randomUUID()}`
  let document = env.TEST_ZWIBBLER_TOKEN
  if (!document && env.ZWIBBLER_JWT_KEY) {
    const isBase64 = isOn('ZWIBBLER_JWT_KEY_IS_BASE64', '0')
    document = await sign(env.ZWIBBLER_JWT_KEY, isBase64, { sub: id, u: 'helm-test', p: 'rw' })
  }
  if (!document && !isOn('ZWIBBLER_PLAIN_IDS', '1')) return skip('zwibbler', 'test.zwibblerToken')
  tried++
  const { connect } = await load('./dist/client/index.js')
  const open = async () => {
    const read = []
    // Often: the WebSocket of Node 20 mostly misses what it is told if the connection is closed at once.
    const backoff = { minMs: 50, maxMs: 200 }
    const client = connect({ url: `${env.TARGET}/socket`, document: document ?? id, backoff })
    client.on('data', ({ bytes }) => read.push(Buffer.from(bytes)))
    client.on('status', ({ state, error }) => {
      if (error) trouble = `zwibbler: ${error.message}`
      if (state === 'closed' && error) end(trouble)
    })
    await client.joined()
    return { client, text: () => Buffer.concat(read).toString() }
  }
  const writer = await open()
  const words = `helm test ${randomUUID()}`
  const outcome = await writer.client.append(Buffer.from(words))
  if (outcome.kind !== 'stored') end(`zwibbler: the append was not stored: ${outcome.kind}`)
  const reader = await open()
  while (!reader.text().includes(words)) await new Promise((resolve) => setTimeout(resolve, 20))
  writer.client.close()
  reader.client.close()
  console.log('zwibbler: opened, appended, read back')
}

async function tryYjs() {
  const room = `helm-test-${randomUUID()}`
  let token = env.TEST_YJS_TOKEN
  const way = env.YJS_AUTH || 'none'
  if (!token && way === 'jwt' && env.AUTH_JWT_KEY) {
    const { AUTH_JWT_ISSUER: iss, AUTH_JWT_AUDIENCE: aud } = env
    const claims = {
      sub: 'helm-test',
      rooms: { [room]: 'rw' },
      ...(iss && { iss }),
      ...(aud && { aud }),
    }
    token = await sign(env.AUTH_JWT_KEY, isOn('AUTH_JWT_KEY_IS_BASE64', '0'), claims)
  }
  if (!token && way !== 'none') return skip('yjs', 'test.yjsToken')
  if (way === 'none' && !isOn('ALLOW_ANONYMOUS', '0')) return skip('yjs', 'config.YJS_AUTH')
  tried++
  const { Doc, encodeStateAsUpdate, applyUpdate } = await load('yjs')
  const encoding = await load('lib0/encoding')
  const decoding = await load('lib0/decoding')
  const path = env.YJS_PATH || '/yjs'
  const query = token ? `?token=${token}` : ''
  const say = (kind, bytes) => {
    const encoder = encoding.createEncoder()
    for (const number of [0, kind]) encoding.writeVarUint(encoder, number)
    encoding.writeVarUint8Array(encoder, bytes)
    return encoding.toUint8Array(encoder)
  }
  /** @returns the socket, open; `heard` gets each update that comes */
  const open = (heard) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${env.TARGET}${path === '/' ? '' : path}/${room}${query}`)
      socket.binaryType = 'arraybuffer'
      socket.onopen = () => resolve(socket)
      socket.onclose = ({ code, reason }) => end(`yjs: closed with ${code} ${reason}`)
      socket.onmessage = ({ data }) => {
        const decoder = decoding.createDecoder(new Uint8Array(data))
        if (decoding.readVarUint(decoder) !== 0) return
        const kind = decoding.readVarUint(decoder)
        const bytes = decoding.readVarUint8Array(decoder)
        // The server asks what we have: nothing. What else it says is updates.
        if (kind === 0) socket.send(say(1, Uint8Array.of(0, 0)))
        else heard(bytes)
      }
    })
  const words = `helm test ${randomUUID()}`
  const written = new Doc()
  written.getText('test').insert(0, words)
  // Its own echo says that an update is stored.
  let writer
  await new Promise((resolve) => {
    const echo = new Doc()
    void open((bytes) => {
      applyUpdate(echo, bytes)
      if (echo.getText('test').toString() === words) resolve()
    }).then((socket) => {
      writer = socket
      socket.send(say(0, Uint8Array.of(0)))
      socket.send(say(2, encodeStateAsUpdate(written)))
    })
  })
  let reader
  await new Promise((resolve) => {
    const read = new Doc()
    void open((bytes) => {
      applyUpdate(read, bytes)
      if (read.getText('test').toString() === words) resolve()
    }).then((socket) => {
      reader = socket
      socket.send(say(0, Uint8Array.of(0)))
    })
  })
  for (const socket of [writer, reader]) {
    socket.onclose = null
    socket.close()
  }
  console.log('yjs: opened, changed, read back')
}

function skip(surface, setting) {
  console.log(`${surface}: not tried, nothing here lets this test in (${setting})`)
}
