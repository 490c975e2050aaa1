/** The cluster of deploy/compose, started as its first line says: but for Grafana, whose pages nobody looks at here. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { docker, hasEngine } from '../support/containers.ts'
import { until } from '../support/wait.ts'

const hasCompose =
  hasEngine() && spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0

const variants = [
  ['nginx', ['compose.yaml']],
  ['HAProxy', ['compose.yaml', 'compose.haproxy.yaml']],
] as const

async function startCluster(files: readonly string[]) {
  const named = files.flatMap((file) => ['--file', `deploy/compose/${file}`])
  const compose = (...args: readonly string[]) =>
    docker('compose', '--project-name', 'lengthwise-test', ...named, ...args)
  // Free ports, so that a cluster which is looked at stays.
  process.env.HTTP_PORT = process.env.PROMETHEUS_PORT = process.env.GRAFANA_PORT = '0'
  await compose('up', '--detach', '--no-build', 'load', 'prometheus')
  return {
    compose,
    prometheus: await compose('port', 'prometheus', '9090'),
    async [Symbol.asyncDispose]() {
      await compose('down', '--volumes', '--timeout', '1')
    },
  }
}

/** What Prometheus answers to a question: values by the label. */
async function ask(prometheus: string, query: string, label: string): Promise<Map<string, number>> {
  const url = `http://${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  const { data } = (await answer.json()) as { data: { result: Result[] } }
  return new Map(data.result.map(({ metric, value }) => [metric[label] ?? '', Number(value[1])]))
}

interface Result {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

describe.skipIf(!hasCompose)('docker compose up', () => {
  test.each(variants)(
    'behind %s every node has sessions, both surfaces store, and Prometheus sees it',
    async (_, files) => {
      await docker('tag', 'lengthwise:test', 'lengthwise:latest')
      await using cluster = await startCluster(files)
      const { prometheus } = cluster
      await until('each node has sessions', async () => {
        const sessions = await ask(prometheus, 'lengthwise_sessions > 0', 'instance')
        return sessions.size === 3
      })
      await until('both surfaces store', async () => {
        const stored = 'sum by (surface) (lengthwise_appends_total{outcome="stored"}) > 0'
        return (await ask(prometheus, stored, 'surface')).size === 2
      })
      await cluster.compose('stop', 'lengthwise-2')
      await until('its sessions are on the other two', async () => {
        const sessions = await ask(prometheus, 'sum(lengthwise_sessions{instance!~".*-2:.*"})', '')
        return sessions.get('') === 40
      })
      const ended = await cluster.compose('ps', '--all', '--format', 'json', 'lengthwise-2')
      expect(JSON.parse(ended)).toMatchObject({ ExitCode: 0 })
    },
  )
})
