/** What can be said of deploy/compose without a container engine; test/images/compose.test.ts starts it. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../src/config.ts'

const folder = 'deploy/compose'
const nodes = ['lengthwise-1', 'lengthwise-2', 'lengthwise-3']

interface Compose {
  readonly services: Readonly<Record<string, Service>>
}
interface Service {
  readonly volumes?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly ports?: readonly string[]
  readonly stop_grace_period?: string
}

async function readCompose(name = 'compose.yaml'): Promise<Compose> {
  const text = await readFile(`${folder}/${name}`, 'utf8')
  const override = { tag: '!override', collection: 'seq' } as const
  return parse(text, { merge: true, customTags: [override] }) as Compose
}

test('every file that compose mounts is there', async () => {
  const all = [await readCompose(), await readCompose('compose.haproxy.yaml')]
  const mounted = all
    .flatMap(({ services }) => Object.values(services))
    .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0] ?? ''))
    .filter((path) => path.startsWith('.'))
  expect(mounted.length).toBeGreaterThan(6)
  expect(mounted.filter((path) => !existsSync(resolve(folder, path)))).toEqual([])
})

test('Prometheus and both load balancers know all nodes and no others', async () => {
  const { services } = await readCompose()
  expect(Object.keys(services)).toEqual(expect.arrayContaining(nodes))
  const paths = ['prometheus/prometheus.yml', 'compose/nginx.conf', 'compose/haproxy.cfg']
  for (const path of paths) {
    const text = await readFile(`deploy/${path}`, 'utf8')
    const named = new Set(text.match(/\blengthwise-\d+(?=:)/g))
    expect([...named].sort(), path).toEqual(nodes)
  }
})

test('the nodes of compose have settings that are right, and time to drain', async () => {
  const { services } = await readCompose()
  for (const name of nodes) {
    const { environment = {}, stop_grace_period: grace = '' } = services[name] ?? {}
    const given = Object.entries(environment).map(([key, value]) => [key, String(value)] as const)
    const config = readConfig({ HOST: '0.0.0.0', ...Object.fromEntries<string>(given) })
    const drainMs = config.DRAIN_NOTICE_MS + config.DRAIN_MS
    expect(Number.parseInt(grace) * 1_000).toBeGreaterThan(drainMs + 5_000)
  }
})

test('nothing of compose listens beyond loopback, where anybody might come', async () => {
  const { services } = await readCompose()
  const ports = Object.values(services).flatMap(({ ports: own = [] }) => own)
  expect(ports.length).toBe(3)
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
})
