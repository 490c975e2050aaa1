import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { counters, gauges, histograms } from '../../src/metrics.ts'

const page = readFileSync(new URL('../../deploy/docs/metrics.md', import.meta.url), 'utf8')
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** Rows as the page has them: name, type, labels, meaning. */
function documented(): string[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(' | ').slice(0, 4).join(' | ').slice(2).trim())
}

function row(name: string, type: string, labels: object, help: string): string {
  const named = Object.keys(labels).map((label) => `\`${label}\``)
  return [`\`lengthwise_${name}\``, type, named.join(', '), help].join(' | ')
}

function coded(): string[] {
  const plain = (type: string, table: Readonly<Record<string, { labels: object; help: string }>>) =>
    Object.entries(table).map(([name, { labels, help }]) => row(name, type, labels, help))
  return [
    ...plain('counter', counters),
    ...plain('histogram', histograms),
    ...Object.entries(gauges).map(([name, gauge]) =>
      row(name, `gauge (${gauge.together})`, 'label' in gauge ? gauge.label : {}, gauge.help),
    ),
    row('build_info', 'gauge (first)', { version: [] }, 'Always 1; the label is the version.'),
  ]
}

test('the page of metrics has every metric of the code with its type, labels and meaning, and no other', () => {
  expect(documented().sort()).toEqual(coded().sort())
})

test('names in the documentation are names of metrics', () => {
  const known = [...Object.keys({ ...counters, ...histograms, ...gauges }), 'build_info']
  const named = `${page}${README}`.matchAll(/`lengthwise_([a-z_]+[a-z])(?=[`{])/g)
  const unknown = [...named].map(([, name]) => name!).filter((name) => !known.includes(name))
  expect(unknown).toEqual([])
})

test('names of gauges are no names of counters', () => {
  for (const [name, gauge] of Object.entries(gauges)) {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/)
    expect(name).not.toMatch(/_(total|count|sum|bucket)$/)
    expect(gauge.help, name).toMatch(/\.$/)
    if ('label' in gauge) expect(Object.keys(gauge.label), name).toHaveLength(1)
  }
})

test('no label can grow without a bound: each has a list, but for codes that the surfaces name', () => {
  const open = Object.entries({ ...counters, ...histograms })
    .filter(([, { labels }]) => Object.values(labels).some((values) => values.length === 0))
    .map(([name]) => name)
  expect(open).toEqual(['protocol_errors_total'])
})
