import { expect, inject, test } from 'vitest'
import { stringify } from 'yaml'
import { readRules } from '../support/alertRules.ts'
import { makeCluster } from '../support/cluster.ts'
import { startPostgresProxy, startRedisProxy } from '../support/faults.ts'
import { freePort } from '../support/ports.ts'
import { hasPrometheus, startPrometheus } from '../support/prometheus.ts'
import type { FiringAlert, Prometheus } from '../support/prometheus.ts'
import { seededRandom } from '../support/random.ts'
import { sleep, until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'
import type { TestNode } from '../support/nodes.ts'

const { redisUrl } = inject('services')

/** The committed rules, in a hurry: nobody waits for minutes here. What is looked at and how it is compared stays. */
async function hastyRules(): Promise<string> {
  const { groups } = await readRules()
  return stringify({
    groups: groups.map(({ name, rules }) => ({
      name,
      rules: rules.map((rule) => ({
        ...rule,
        for: '0s',
        expr: rule.expr.replaceAll(/\[\d+m\]/g, '[4s]'),
      })),
    })),
  })
}

async function fires(prometheus: Prometheus, name: string): Promise<FiringAlert> {
  const find = async () => (await prometheus.firing()).find((alert) => alert.name === name)
  return await until(`${name} fires`, find, { everyMs: 200 })
}

async function clears(prometheus: Prometheus, name: string): Promise<void> {
  const isGone = async () => (await prometheus.firing()).every((alert) => alert.name !== name)
  await until(`${name} clears`, isGone, { everyMs: 200 })
}

/** Somebody who writes whatever happens, and comes back. */
function startWriter(node: TestNode): AsyncDisposable & { stored(): number } {
  let stored = 0
  const isOver = new AbortController()
  const goesOn = (): boolean => !isOver.signal.aborted
  const writing = (async () => {
    while (goesOn()) {
      await using ann = connectZwibbler(node.url, 'doc')
      await ann.joined().catch(() => undefined)
      while (goesOn() && !ann.isClosed) {
        if ((await ann.append('x')).kind === 'stored') stored++
        await sleep(50)
      }
    }
  })()
  return {
    stored: () => stored,
    async [Symbol.asyncDispose]() {
      isOver.abort()
      await writing
    },
  }
}

test.skipIf(!hasPrometheus || !redisUrl)(
  'alerts fire when a node is killed, Redis is away and Postgres stalls, and clear when all is well again',
  { timeout: 150_000 },
  async () => {
    const random = seededRandom('alerts')
    await using redis = await startRedisProxy(redisUrl!, random)
    const ports = [await freePort(), await freePort()]
    await using postgres = await startPostgresProxy(inject('services').databaseUrl, random)
    await using cluster = await makeCluster(2, {
      redisUrl: redis.url,
      through: (url) => Object.assign(new URL(url), { host: new URL(postgres.url).host }).href,
      env: { APPEND_DEADLINE_MS: '1000', STATEMENT_MS: '1000' },
      envOf: (index) => ({ ADMIN_PORT: String(ports[index]) }),
    })
    const [ann, bob] = cluster.nodes
    const targets = cluster.nodes.map(({ adminUrl }) => adminUrl)
    const rules = await hastyRules()
    await using prometheus = await startPrometheus({ targets, rules, every: '500ms' })
    await using writer = startWriter(ann!)

    const seen = async () => (await prometheus.query('lengthwise_redis_up == 1', 1)).length === 2
    await until('both nodes are scraped and hear Redis', seen)
    await until('no alert fires', async () => (await prometheus.firing()).length === 0)

    await bob!.kill()
    expect((await fires(prometheus, 'LengthwiseNodeDown')).annotations.summary).toBe(
      `Node 127.0.0.1:${ports[1]} cannot be reached`,
    )
    await bob!.start()
    await clears(prometheus, 'LengthwiseNodeDown')

    redis.refuse()
    await fires(prometheus, 'LengthwiseRedisDown')
    redis.heal()
    await clears(prometheus, 'LengthwiseRedisDown')

    postgres.stall()
    const failing = await fires(prometheus, 'LengthwiseAppendsFailing')
    expect(failing.labels.severity).toBe('critical')
    expect(failing.annotations.summary).toMatch(/^[\d.]+% of changes in lengthwise are not stored$/)
    await fires(prometheus, 'LengthwiseNobodyReady')
    postgres.heal()
    await clears(prometheus, 'LengthwiseAppendsFailing')
    await clears(prometheus, 'LengthwiseNobodyReady')
    const before = writer.stored()
    await until('changes are stored again', () => writer.stored() > before)
  },
)
