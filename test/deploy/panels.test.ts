import { readFile } from 'node:fs/promises'
import { expect, inject, test } from 'vitest'
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
    await using cluster = await makeCluster(2, { env: busySettings(application) })
    const targets = cluster.nodes.map(({ adminUrl }) => adminUrl)
    const rules = await readFile(rulesPath, 'utf8')
    await using prometheus = await startPrometheus({ targets, rules })
    await using load = startLoad(cluster, 'panels')

    const panels = await allPanels(new URL(targets[0]!).host)
    const alerts = rulesOf(await readRules())
    const figures = alerts.map((rule) => ({ name: rule.alert, expr: figureOf(rule) }))
    expect(panels.length).toBeGreaterThan(100)
    expect(await seeAll(prometheus, [...panels, ...figures])).toEqual([])
    expect((await prometheus.firing()).map(({ name }) => name)).toEqual([])
    expect(await load.end()).toEqual([])
  },
)
