import { expect, test } from 'vitest'
import { looksOf, panelsOf, readDashboards } from '../support/dashboards.ts'
import { counters, gauges, histograms, makeMetrics } from '../../src/metrics.ts'
import { readRules, rulesOf } from '../support/alertRules.ts'

const dashboards = await readDashboards()
const panels = dashboards.flatMap((dashboard) =>
  panelsOf(dashboard).map((panel) => ({ name: `${dashboard.uid} / ${panel.title}`, ...panel })),
)
const looks = dashboards.flatMap(looksOf)
const BUILT_IN = ['datasource', '__rate_interval', '__range']

test('every panel says what to do when it is bad', () => {
  const short = panels.filter(({ description = '' }) => description.length < 40)
  expect(short.map(({ name }) => name)).toEqual([])
})

test('the overview begins with the two questions of an operator, and then says why', () => {
  const overview = dashboards.find(({ uid }) => uid === 'lengthwise-overview')!
  const rows = overview.panels.filter(({ type }) => type === 'row').map(({ title }) => title)
  expect(rows.slice(0, 3)).toEqual([
    'Is anyone losing changes?',
    'Is anyone waiting for changes?',
    'Why?',
  ])
})

test('panels lie side by side on the grid and can be told apart', () => {
  expect(
    panels.filter(({ gridPos }) => gridPos.x + gridPos.w > 24).map(({ name }) => name),
  ).toEqual([])
  for (const { uid, panels: own } of dashboards) {
    expect(new Set(own.map(({ id }) => id)).size, uid).toBe(own.length)
  }
})

test('variables that are used can be chosen, and every figure is of the chosen nodes', () => {
  for (const dashboard of dashboards) {
    const choices = [...dashboard.templating.list.map(({ name }) => name), ...BUILT_IN]
    for (const { name, expr } of looksOf(dashboard)) {
      const used = [...expr.matchAll(/\$(\w+)/g)].map(([, variable]) => variable!)
      expect(
        used.filter((variable) => !choices.includes(variable)),
        name,
      ).toEqual([])
      if (expr.includes('lengthwise_')) expect(expr, name).toContain('instance=~"$instance"')
    }
  }
})

test('percentiles come from histograms added up over nodes, and rates follow the scrape interval', () => {
  for (const { name, expr } of looks) {
    expect(expr, name).not.toMatch(/quantile="|_p\d\d/)
    expect(expr.match(/rate\([^[]*\[(?!\$__rate_interval\])/g), name).toBeNull()
    if (expr.includes('_bucket'))
      expect(expr, name).toMatch(/histogram_quantile\([\d.]+, sum by \(le/)
  }
})

test('every metric is on a panel or in an alert', async () => {
  const rules = rulesOf(await readRules())
  const texts = [...looks, ...rules].map(({ expr }) => expr).join('\n')
  const seen = new Set(
    [...texts.matchAll(/\blengthwise_(\w+)/g)].flatMap(([, name]) => [
      name!,
      name!.replace(/_(bucket|sum|count)$/, ''),
    ]),
  )
  const all = Object.keys({ ...counters, ...histograms, ...gauges })
  expect(all.filter((name) => !seen.has(name))).toEqual([])
})

test('panels show only metrics that a node has', async () => {
  const metrics = makeMetrics({ version: '1' })
  try {
    const page = await metrics.registry.metrics()
    const known = new Set([...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!))
    const used = looks.flatMap(({ expr }) =>
      [...expr.matchAll(/\b([a-z]\w+)\{/g)].map(([, name]) => name!),
    )
    const own = used.filter((name) => name.startsWith('lengthwise_'))
    const unknown = own.filter(
      (name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')),
    )
    expect([...new Set(unknown)]).toEqual([])
  } finally {
    metrics.close()
  }
})
