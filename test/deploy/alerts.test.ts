import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { readRules, rulesOf, rulesPath } from '../support/alertRules.ts'
import { hasPrometheus, promtool } from '../support/prometheus.ts'

const tests = 'deploy/prometheus/alerts.test.yaml'
const rules = rulesOf(await readRules())
const names = rules.map(({ alert }) => alert)
const runbooks = await readFile('deploy/docs/runbooks.md', 'utf8')

/** `## Heading` and what follows, up to the next one. */
const sections = new Map(
  runbooks
    .split(/^(?=##? )/m)
    .filter((section) => section.startsWith('## '))
    .map((section) => [/^## (.*)/.exec(section)![1]!, section]),
)

test('every alert has a runbook and every runbook an alert, in one order', () => {
  expect([...sections.keys()]).toEqual(names)
})

test.each(names)(
  'the runbook of %s says what it means, who is hurt, where to look and what to do',
  (name) => {
    const parts = [...sections.get(name)!.matchAll(/^\*\*([^*]+?)\.?\*\*/gm)].map(
      ([, part]) => part,
    )
    expect(parts).toEqual(['Meaning', 'Who is hurt', 'Look at', 'Do'])
    const { labels } = rules.find(({ alert }) => alert === name)!
    expect(sections.get(name)).toContain(`(${labels.severity})`)
  },
)

test('every alert leads to its runbook, and says what it is in a line', () => {
  for (const { alert, annotations, labels } of rules) {
    expect(annotations.runbook_url.endsWith(`runbooks.md#${alert.toLowerCase()}`)).toBe(true)
    expect(annotations.summary.length).toBeLessThanOrEqual(100)
    expect(annotations.description).toMatch(/\.$/)
    expect(labels.severity).toMatch(/^(critical|warning)$/)
  }
})

test('runbooks, panels and alerts name only alerts that there are', async () => {
  const boards = ['overview', 'node', 'documents', 'surfaces', 'backends'].map((name) =>
    readFile(`helm/lengthwise/files/dashboards/${name}.json`, 'utf8'),
  )
  const texts = [runbooks, ...(await Promise.all(boards))].join('\n')
  const named = new Set([...texts.matchAll(/\bLengthwise[A-Z]\w+/g)].map(([name]) => name))
  expect([...named].filter((name) => !names.includes(name))).toEqual([])
  const linked = [...runbooks.matchAll(/\]\(#(\w+)\)/g)].map(([, anchor]) => anchor!)
  expect(linked.filter((anchor) => !names.some((name) => name.toLowerCase() === anchor))).toEqual(
    [],
  )
})

interface UnitTests {
  tests: { promql_expr_test: { expr: string; exp_samples: unknown[] }[] }[]
}

test('every alert is seen to fire and to clear by the unit tests', async () => {
  const { tests: all } = parse(await readFile(tests, 'utf8')) as UnitTests
  const looks = all.flatMap((one) => one.promql_expr_test)
  const unseen = names.filter((name) => {
    const own = looks.filter(({ expr }) => expr.includes(`"${name}"`))
    return !own.some((look) => look.exp_samples.length > 0) || own.at(-1)!.exp_samples.length > 0
  })
  expect(unseen).toEqual([])
})

test.skipIf(!hasPrometheus)(
  'promtool finds the rules and the scrape configuration right',
  async () => {
    await promtool('check', 'rules', rulesPath)
    await promtool('check', 'config', '--syntax-only', 'deploy/prometheus/prometheus.yml')
  },
)

test.skipIf(!hasPrometheus)('the unit tests of all alerts pass', () =>
  promtool('test', 'rules', tests),
)
