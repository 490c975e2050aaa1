import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { makeCertificate } from '../socket/support/certificate.ts'
import { figureOf, readRules, rulesOf, rulesPath } from '../support/alertRules.ts'
import { makeCluster } from '../support/cluster.ts'
import { fillIn, looksOf, readDashboards } from '../support/dashboards.ts'
import type { Look } from '../support/dashboards.ts'
import { hasPrometheus, startPrometheus } from '../support/prometheus.ts'
import type { Prometheus } from '../support/prometheus.ts'
import { until } from '../support/wait.ts'
import { busySettings, makeApplication, startLoad } from './load.ts'

const { redisUrl } = inject('services')
const PATIENCE_MS = 40_000

async function makeTlsFiles() {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-panels-'))
  const { cert, key } = makeCertificate('panels')
  const env = { TLS_CERT_FILE: join(folder, 'cert.pem'), TLS_KEY_FILE: join(folder, 'key.pem') }
  await writeFile(env.TLS_CERT_FILE, cert)
  await writeFile(env.TLS_KEY_FILE, key)
  return { env, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

/** What is wrong with one of them: an error, nothing, or nothing that is a number. */
async function complaint(prometheus: Prometheus, { name, expr }: Look): Promise<string> {
  const series = await prometheus.query(expr, 8).catch((error: unknown) => String(error))
  if (typeof series === 'string') return `${name}: ${series}`
  const values = series.flatMap((one) => one.values)
  if (values.length === 0) return `${name}: nothing`
  return values.some(Number.isFinite) ? '' : `${name}: no number`
}

/** Waits until each has been seen to show something: some parts have something to do only now and then. */
async function seeAll(prometheus: Prometheus, looks: readonly Look[]): Promise<string[]> {
  let unseen = looks.map((look) => ({ look, wrong: 'not looked at' }))
  const see = async (): Promise<boolean> => {
    const again = unseen.map(async ({ look }) => ({
      look,
      wrong: await complaint(prometheus, look),
    }))
    unseen = (await Promise.all(again)).filter(({ wrong }) => wrong !== '')
    return unseen.length === 0
  }
  await until('all of them show something', see, { withinMs: PATIENCE_MS, everyMs: 500 }).catch(
    () => undefined,
  )
  return unseen.map(({ wrong }) => wrong)
}

async function allPanels(instance: string): Promise<Look[]> {
  return (await readDashboards()).flatMap((dashboard) =>
    looksOf(dashboard).map(({ name, expr }) => {
      const chosen = dashboard.uid === 'lengthwise-node' ? { instance } : {}
      return { name, expr: fillIn(expr, chosen) }
    }),
  )
}

test.skipIf(!hasPrometheus || !redisUrl)(
  'two nodes that are used show something in every expression of every panel and in the figure of every alert, and no alert fires',
  { timeout: 120_000 },
  async () => {
    await using application = await makeApplication()
    // Nobody uses the third: it is there for what only a node with TLS has.
    await using tls = await makeTlsFiles()
    await using cluster = await makeCluster(3, {
      env: busySettings(application),
      envOf: (index) => (index === 2 ? tls.env : {}),
    })
    const targets = cluster.nodes.map(({ adminUrl }) => adminUrl)
    const rules = await readFile(rulesPath, 'utf8')
    await using prometheus = await startPrometheus({ targets, rules })
    await using load = startLoad({ ...cluster, nodes: cluster.nodes.slice(0, 2) }, 'panels')

    const [one, , guarded] = targets.map((target) => new URL(target).host)
    const panels = await allPanels(`${one}|${guarded}`)
    const alerts = rulesOf(await readRules())
    const figures = alerts.map((rule) => ({ name: rule.alert, expr: figureOf(rule) }))
    expect(panels.length).toBeGreaterThan(100)
    expect(await seeAll(prometheus, [...panels, ...figures])).toEqual([])
    expect((await prometheus.firing()).map(({ name }) => name)).toEqual([])
    expect(await load.end()).toEqual([])
  },
)
