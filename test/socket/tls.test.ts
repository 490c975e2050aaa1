import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { meterOf } from '../collab/support/meter.ts'
import { sleep, until } from '../support/wait.ts'
import { makeBed, makeSurface, type BedOptions } from './support/bed.ts'
import { makeCertificate, type Certificate } from './support/certificate.ts'

const POLL_MS = 50
const [first, second, third] = ['first', 'second', 'third'].map((name) =>
  makeCertificate(name),
) as [Certificate, Certificate, Certificate]

async function makeFiles() {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-tls-'))
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  /** As tools that renew certificates do: each file at once, one after the other. */
  const replace = async (path: string, text: string): Promise<void> => {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }
  return {
    files,
    replace,
    async put({ cert, key }: Certificate) {
      await replace(files.cert, cert)
      await replace(files.key, key)
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

const makeTlsBed = (files: { cert: string; key: string }, more: BedOptions = {}) =>
  makeBed({ tls: files, tlsPollMs: POLL_MS, ...more })

/** The fingerprint that a new connection sees. */
function seenAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(
      { host: '127.0.0.1', port, rejectUnauthorized: false },
      () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
        socket.destroy()
      },
    )
    socket.on('error', reject)
  })
}

const wss = { scheme: 'wss', rejectUnauthorized: false }

test.each([{ exclusive: false }, { exclusive: true }])(
  'a new certificate is seen by new connections, old ones stay (%o)',
  async ({ exclusive }) => {
    await using made = await makeFiles()
    await made.put(first)
    await using bed = await makeTlsBed(made.files, { exclusive })
    const old = bed.client('/socket', wss)
    await old.opened()
    expect(await seenAt(bed.port)).toBe(first.fingerprint)
    for (const next of [second, third]) {
      await made.put(next)
      await until('the new certificate is seen', async () => {
        const seen = await seenAt(bed.port)
        return seen === next.fingerprint
      })
      // Never the old one again: its listener is closed.
      for (let each = 0; each < 20; each += 1) expect(await seenAt(bed.port)).toBe(next.fingerprint)
    }
    old.ws.send('still here')
    await old.hears('still here')
    const fresh = bed.client('/socket', wss)
    await fresh.opened()
    expect(bed.server.connections).toBe(2)
    expect(bed.logged.filter(({ level }) => level === 'error')).toEqual([])
  },
)

test('a bad pair is reported once and ignored until it is put right', async () => {
  await using made = await makeFiles()
  await made.put(first)
  await using bed = await makeTlsBed(made.files)
  const errors = () => bed.logged.filter(({ level }) => level === 'error')
  await made.replace(made.files.cert, second.cert) // with the key of the first
  await until('it is reported', () => errors().length === 1)
  expect(String((errors()[0]!.fields as { err: Error }).err)).toContain('is not the key of')
  await sleep(POLL_MS * 5)
  expect(errors()).toHaveLength(1)
  expect(await seenAt(bed.port)).toBe(first.fingerprint)
  await made.replace(made.files.cert, 'rubbish')
  await until('the next one is reported too', () => errors().length === 2)
  await rm(made.files.cert)
  await until('its absence too', () => errors().length === 3)
  expect(await seenAt(bed.port)).toBe(first.fingerprint)
  await made.put(second)
  await until('the good one is seen', async () => (await seenAt(bed.port)) === second.fingerprint)
  expect(errors()).toHaveLength(3)
})

test('when the certificate in use expires is told, and that of the next one; a bad one changes nothing', async () => {
  await using made = await makeFiles()
  await made.put(first)
  const readings = new Map<string, () => unknown>()
  const meter = meterOf({ gauge: (name, read) => void readings.set(name, read) })
  await using bed = await makeTlsBed(made.files, { meter })
  const expiry = () => readings.get('tls_certificate_expiry_timestamp_seconds')?.()
  expect(expiry()).toBe(Date.UTC(2049, 11, 31, 23, 59, 59) / 1_000)
  await made.replace(made.files.cert, makeCertificate('another', '300101000000Z').cert)
  await until('it is reported', () => bed.logged.some(({ level }) => level === 'error'))
  expect(expiry()).toBe(Date.UTC(2049, 11, 31, 23, 59, 59) / 1_000)
  await made.put(makeCertificate('shorter', '310101000000Z'))
  await until('the new one is told of', () => expiry() === Date.UTC(2031, 0, 1) / 1_000)
})

test('a surface on a port of its own has the certificate too, and the new one', async () => {
  await using made = await makeFiles()
  await made.put(first)
  await using bed = await makeTlsBed(made.files, { ownPorts: new Map([['test', 0]]) })
  const port = bed.ownPorts.get('test')!
  expect(await seenAt(port)).toBe(first.fingerprint)
  await made.put(second)
  await until('both have it', async () => {
    const seen = await Promise.all([seenAt(port), seenAt(bed.port)])
    return seen.every((fingerprint) => fingerprint === second.fingerprint)
  })
})

test('a server does not start with a key of another certificate, nor without files', async () => {
  await using made = await makeFiles()
  await made.put({ ...first, key: second.key })
  await expect(makeTlsBed(made.files)).rejects.toThrow('is not the key of')
  await rm(made.files.key)
  await expect(makeTlsBed(made.files)).rejects.toThrow('ENOENT')
})

test('[I6] a slow reader over TLS is full, drained, and gets everything', async () => {
  await using made = await makeFiles()
  await made.put(first)
  const surface = makeSurface({
    onMessage: ({ connection: { outlet } }) => {
      for (let each = 0; each < 200; each += 1) outlet.send(Buffer.alloc(100_000, each))
    },
  })
  await using bed = await makeTlsBed(made.files, { surfaces: [surface] })
  const client = bed.client('/socket', wss)
  await client.opened()
  client.ws.pause()
  client.ws.send('go')
  await until('it is full', () => surface.spoken[0]?.connection.outlet.isFull())
  client.ws.resume()
  await until('everything has come', () => client.messages.length === 200)
  await until('it was told', () => surface.spoken[0]?.drains === 1)
})
