import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { makeCertificate } from '../socket/support/certificate.ts'
import { makeDatabase } from '../support/databases.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/wait.ts'
import { makePeer } from '../support/yjsPeers.ts'
import { lengthwise, start } from './support.ts'

const { databaseUrl } = inject('services')

test("[yjs 9] where the reference server stood, its clients find their rooms at the same address's root", async () => {
  await using database = await makeDatabase(databaseUrl)
  const PORT = String(await freePort())
  const env = { PORT, ADMIN_PORT: '0', DATABASE_URL: database.url }
  await using node = start(['serve', '--y-websocket'], env)
  const listening = await node.logs('listening')
  expect(listening).toMatchObject({ host: 'localhost', port: Number(PORT) })
  const warnings = node.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg)
  expect(warnings).toEqual([expect.stringMatching(/^nothing guards the rooms/)])

  const url = `ws://localhost:${PORT}`
  await using ann = makePeer(url, 'my room/ä')
  await using bob = makePeer(`${url}/`, 'my room/ä')
  await using other = makePeer(url, 'yjs/my room/ä')
  await Promise.all([ann.synced(), bob.synced(), other.synced()])
  ann.doc.getText('t').insert(0, 'hello')
  await until('bob reads it', () => bob.doc.getText('t').toJSON() === 'hello')
  expect(other.doc.getText('t').toJSON()).toBe('')
  for (const path of ['/', '/whiteboard', '/my%20room']) {
    const answer = await fetch(`http://localhost:${PORT}${path}`, { method: 'POST' })
    expect([answer.status, await answer.text()]).toEqual([200, 'okay'])
  }
})

test('[yjs 9] config --y-websocket says what it would do, our own names first', async () => {
  await using folder = await makeFolder()
  await mkdir(join(folder.path, 'certs'))
  const certificate = makeCertificate('here')
  await writeFile(join(folder.path, 'certs/fullchain.pem'), certificate.cert)
  await writeFile(join(folder.path, 'certs/privkey.pem'), certificate.key)
  const env = {
    PORT: '4321',
    CERTDIR: join(folder.path, 'certs'),
    CALLBACK_URL: 'https://app.example/hook?a=b',
    CALLBACK_TIMEOUT: '1000',
    YJS_CALLBACK_TIMEOUT_MS: '2000',
    GC: 'false',
  }
  const { code, out, err } = await lengthwise(['config', '--y-websocket'], env)
  expect(code).toBe(0)
  expect(out.split('\n')).toEqual(
    expect.arrayContaining([
      'HOST=localhost',
      'PORT=4321',
      'SURFACES=yjs',
      'YJS_PATH=/',
      'YJS_GC=0',
      'YJS_CALLBACK_URL=https://app.example/hook?a=b',
      'YJS_CALLBACK_TIMEOUT_MS=2000',
      `TLS_CERT_FILE=${env.CERTDIR}/fullchain.pem`,
    ]),
  )
  expect(err).toContain('nothing guards the rooms')
})

test('[yjs 9] values that cannot be used are named all at once, by their own names', async () => {
  const env = {
    PORT: 'http',
    CERTDIR: '/nowhere',
    CALLBACK_URL: 'app.example',
    CALLBACK_OBJECTS: '{"t":"Txt"}',
    CALLBACK_TIMEOUT: '5s',
    CALLBACK_DEBOUNCE_WAIT: '-1',
  }
  const { code, out, err } = await lengthwise(['serve', '--y-websocket'], env)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  for (const name of Object.keys(env)) expect(err).toMatch(new RegExp(`[ :]${name}[ :]`))
  expect(err).toContain('/nowhere/privkey.pem cannot be read (ENOENT)')
  expect(err).not.toContain('YJS_CALLBACK')
})

test('two servers cannot be replaced by one', async () => {
  const args = ['serve', '--y-websocket', '--zwibbler-conf', '/nowhere']
  expect(await lengthwise(args)).toMatchObject({
    code: 2,
    err: expect.stringContaining('exclude each other'),
  })
})

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), 'lengthwise-reference-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}
