import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'
import * as Y from 'yjs'
import { makeDatabase, withClient } from '../support/databases.ts'
import { makeNode } from '../support/nodes.ts'
import { freePort, isListening } from '../support/ports.ts'
import { makeRandom } from '../support/random.ts'
import { until } from '../support/wait.ts'
import { makePeer } from '../support/yjsPeers.ts'
import { lengthwise } from './support.ts'

const { databaseUrl } = inject('services')

interface Persistence {
  storeUpdate(room: string, update: Uint8Array): Promise<number>
  getYDoc(room: string): Promise<Y.Doc>
  setMeta(room: string, key: string, value: unknown): Promise<void>
  destroy(): Promise<void>
}
// By a variable: it has no types that Node's resolution finds.
const leveldb = 'y-leveldb'
const { LeveldbPersistence } = (await import(leveldb)) as {
  LeveldbPersistence: new (folder: string) => Persistence
}

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), 'lengthwise-leveldb-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

/** Fills a folder as an application does that uses y-leveldb. */
async function write(folder: string, fill: (into: Persistence) => Promise<void>): Promise<void> {
  const persistence = new LeveldbPersistence(folder)
  await fill(persistence)
  await persistence.destroy()
}

/** What a server has stored of a room by now: LevelDB can be copied while it is written, not opened. */
async function textIn(folder: string, room: string): Promise<string> {
  await using copy = await makeFolder()
  await cp(folder, copy.path, { recursive: true })
  let text = ''
  await write(copy.path, async (from) => {
    text = (await from.getYDoc(room)).getText('t').toJSON()
  })
  return text
}

/** The updates of a document that some edits make, one each. */
function updatesOf(edit: (doc: Y.Doc, step: number) => void, steps: number): Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (let step = 0; step < steps; step++) edit(doc, step)
  return updates
}

const typing = (doc: Y.Doc, step: number): void => {
  const text = doc.getText('t')
  text.insert(text.length, `${step} `)
  if (step % 7 === 6) text.delete(0, 3)
}

function textOf(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc.getText('t').toJSON()
}

const stored = (url: string) =>
  withClient(url, async (client) => {
    const answer = await client.query<{ id: string; length: string }>(
      `select id, length from documents order by id collate "C"`,
    )
    return answer.rows.map(({ id, length }) => [id, Number(length)] as const)
  })

test('[yjs 9] what the reference server has stored is in the rooms that its clients find here', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'db')
  const port = await freePort()
  const server = fileURLToPath(
    new URL('../../node_modules/y-websocket-1/bin/server.js', import.meta.url),
  )
  const reference = spawn(process.execPath, [server], {
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port), YPERSISTENCE: path },
    stdio: 'ignore',
  })
  await until('the reference server listens', () => isListening(port))
  {
    await using ann = makePeer(`ws://127.0.0.1:${port}`, 'my room/ä')
    await using bob = makePeer(`ws://127.0.0.1:${port}`, 'looked at')
    await Promise.all([ann.synced(), bob.synced()])
    for (let step = 0; step < 50; step++) typing(ann.doc, step)
    const text = textOf(updatesOf(typing, 50))
    await until('it is stored', async () => (await textIn(path, 'my%20room/%C3%A4')) === text)
  }
  const ended = once(reference, 'exit')
  reference.kill('SIGTERM')
  await ended

  await using database = await makeDatabase(databaseUrl)
  const env = { DATABASE_URL: database.url }
  const run = await lengthwise(['import-leveldb', path], env)
  expect(run).toMatchObject({ code: 0, err: '' })
  expect(run.out).toMatch(/^2 rooms \(1 new, 1 empty\), 0\.0 MiB written\n$/)
  expect(await stored(database.url)).toEqual([['yjs/my%20room/%C3%A4', expect.any(Number)]])

  await using node = await makeNode({ databaseUrl: database.url, env: { SURFACES: 'yjs' } })
  await using client = makePeer(`${node.httpUrl.replace('http', 'ws')}/yjs`, 'my room/ä')
  await client.synced()
  expect(client.doc.getText('t').toJSON()).toBe(textOf(updatesOf(typing, 50)))
}, 120_000)

test('[yjs 9] rooms of all sizes are taken over whole, and a second run adds nothing', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'db')
  const random = makeRandom(7)
  const many = updatesOf(typing, 700)
  // One update of several MB, of pieces that can be cut, and of one that cannot.
  const large = updatesOf((doc) => {
    doc
      .getText('t')
      .insert(0, Array.from({ length: 300_000 }, () => random.between(0, 1e9)).join(' '))
    doc.getMap('m').set('file', new Uint8Array(400_000).fill(7))
  }, 1)
  const holed = updatesOf(typing, 3)
  await write(path, async (into) => {
    for (const update of many) await into.storeUpdate('many', update)
    for (const update of large) await into.storeUpdate('large', update)
    for (const update of [holed[0]!, holed[2]!]) await into.storeUpdate('with a hole', update)
    await into.storeUpdate('empty', Uint8Array.of(0, 0))
    await into.setMeta('many', 'title', 'a title')
    await into.storeUpdate('50%', many[0]!)
    await into.storeUpdate('a/b', many[0]!)
    await into.storeUpdate('a%2Fb', many[1]!)
  })
  await using database = await makeDatabase(databaseUrl)
  const env = { DATABASE_URL: database.url }
  const first = await lengthwise(['import-leveldb', path], env)
  expect(first).toMatchObject({ code: 0, err: '' })
  expect(first.out).toMatch(/^7 rooms \(6 new, 1 empty\), \d\.\d MiB written\n$/)
  const rooms = await stored(database.url)
  expect(rooms.map(([id]) => id)).toEqual([
    'yjs/50%',
    'yjs/a%2Fb',
    'yjs/a/b',
    'yjs/large',
    'yjs/many',
    'yjs/with%20a%20hole',
  ])
  expect(await lengthwise(['import-leveldb', path], env)).toEqual({
    code: 0,
    out: '7 rooms (6 unchanged, 1 empty), 0.0 MiB written\n',
    err: '',
  })
  expect(await stored(database.url)).toEqual(rooms)

  await using node = await makeNode({ databaseUrl: database.url, env: { SURFACES: 'yjs' } })
  const url = `${node.httpUrl.replace('http', 'ws')}/yjs`
  for (const [room, updates] of Object.entries({ many, large })) {
    await using client = makePeer(url, room)
    await client.synced()
    expect(client.doc.getText('t').toJSON() === textOf(updates), room).toBe(true)
    if (room === 'large') expect(client.doc.getMap('m').get('file')).toHaveLength(400_000)
  }
  await using client = makePeer(url, 'with a hole')
  await client.synced()
  Y.applyUpdate(client.doc, holed[1]!)
  expect(client.doc.getText('t').toJSON()).toBe(textOf(holed))
}, 120_000)

test('[yjs 9] an interrupted run goes on where it stood, and rooms that were used meanwhile keep both', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'db')
  const updates = updatesOf(typing, 40)
  await write(path, async (into) => {
    for (const update of updates.slice(0, 20)) await into.storeUpdate('board', update)
  })
  const half = join(folder.path, 'half')
  await cp(path, half, { recursive: true })
  await write(path, async (into) => {
    for (const update of updates.slice(20)) await into.storeUpdate('board', update)
    await into.storeUpdate('later', updates[0]!)
  })
  await using database = await makeDatabase(databaseUrl)
  const env = { DATABASE_URL: database.url }
  expect(await lengthwise(['import-leveldb', half], env)).toMatchObject({ code: 0 })
  await using node = await makeNode({
    databaseUrl: database.url,
    env: { SURFACES: 'yjs', SWEEP_ACTIVE_MS: '200', SWEEP_QUIET_MS: '200' },
  })
  await using ann = makePeer(`${node.httpUrl.replace('http', 'ws')}/yjs`, 'board')
  await ann.synced()
  ann.doc.getMap('m').set('here', true)
  // While somebody has the room open: what is added reaches her.
  const run = await lengthwise(['import-leveldb', path], env)
  expect(run).toMatchObject({
    code: 0,
    out: expect.stringContaining('2 rooms (1 new, 1 added to)'),
  })
  await until('she sees it', () => ann.doc.getText('t').toJSON() === textOf(updates))
  await using bob = makePeer(`${node.httpUrl.replace('http', 'ws')}/yjs`, 'board')
  await bob.synced()
  expect(bob.doc.getMap('m').get('here')).toBe(true)
  expect(bob.doc.getText('t').toJSON()).toBe(textOf(updates))
}, 120_000)

test('[yjs 9] what cannot be taken over is named and left out, and the rest is taken', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'db')
  const [update = new Uint8Array()] = updatesOf(typing, 1)
  await write(path, async (into) => {
    for (const room of ['a b', 'a%20b', 'what?', 'x'.repeat(2_000), 'fine', 'torn'])
      await into.storeUpdate(room, update)
  })
  // y-leveldb refuses to write what it cannot read, but for the second one.
  await write(path, async (into) => {
    await into.storeUpdate('torn', update.subarray(0, -3))
    await into.storeUpdate('torn', update)
  })
  await using database = await makeDatabase(databaseUrl)
  const { code, out, err } = await lengthwise(['import-leveldb', path], {
    DATABASE_URL: database.url,
  })
  expect(code).toBe(1)
  expect(out).toContain('3 rooms (3 new), 0.0 MiB written; 4 left out')
  expect(err.trim().split('\n').sort()).toEqual([
    expect.stringMatching(
      /^left out: room "a b": for clients it is the same as another room, "a%20b"/,
    ),
    expect.stringMatching(/^left out: room "torn", update 2: /),
    expect.stringMatching(/^left out: room "what\?": no client can ask/),
    expect.stringMatching(/^left out: room "xxx.*: no client can ask/),
  ])
  expect((await stored(database.url)).map(([id]) => id)).toEqual([
    'yjs/a%20b',
    'yjs/fine',
    'yjs/torn',
  ])
})

test('[yjs 9] a folder in use, none at all, and none named are told apart', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'db')
  const env = { DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' }
  const run = async (...args: string[]) => {
    const { code, err } = await lengthwise(['import-leveldb', ...args], env)
    return `${code} ${err}`
  }
  expect(await run(path)).toContain('1 lengthwise: ')
  expect(await run(path)).toContain('is not a folder of LevelDB')
  await write(path, async (into) => {
    expect(await run(path)).toMatch('')
    await into.storeUpdate('x', Uint8Array.of(0, 0))
    expect(await run(path)).toContain('is in use: stop the server that writes to it first')
  })
  expect(await run()).toContain('2 lengthwise: import-leveldb needs the folder')
  expect(await run(path, 'more')).toContain("2 lengthwise: unexpected argument 'more'")
})

/** Node as it is where the package was not installed. */
function without(name: string): string {
  const hooks = `export function resolve(specifier, context, next) {
    if (specifier !== '${name}') return next(specifier, context)
    throw Object.assign(new Error('not there'), { code: 'ERR_MODULE_NOT_FOUND' })
  }`
  const inline = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`
  return `--import=${inline(`import { register } from 'node:module'; register(${JSON.stringify(inline(hooks))})`)}`
}

test('[yjs 9] without y-leveldb the command says what to install', async () => {
  const env = { NODE_OPTIONS: without('y-leveldb') }
  const { code, err } = await lengthwise(['import-leveldb', '/nowhere'], env)
  expect(code).toBe(1)
  expect(err).toMatch(/^lengthwise: y-leveldb is not installed; .*npm install y-leveldb\n$/)
})
