/** Numbers and how they are shown. */

export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

export const median = (values) => quantile(values, 0.5)

const MIB = 1024 * 1024
const units = {
  '/s': (value) => `${Math.round(value).toLocaleString('en')}/s`,
  ms: (value) => `${value.toFixed(2)} ms`,
  µs: (value) => `${value.toFixed(2)} µs`,
  KiB: (value) => `${(value / 1024).toFixed(1)} KiB`,
  MiB: (value) => `${(value / MIB).toFixed(1)} MiB`,
  '×': (value) => `${value.toFixed(2)} ×`,
}

export const show = (value, unit) => units[unit](value)

/**
 * @typedef Figure
 * @property {string} name what is measured, over what
 * @property {number} value
 * @property {string} unit of the value: × for ratios
 * @property {{ least?: number, most?: number }} [goal] in bytes where the unit is one of bytes
 * @property {{ ours: number, naive: number, unit: string }} [beside] the two things of the same run
 * @property {string} [detail]
 */

/** @returns the part of a figure that two series make, which were taken in turns: the ratio of their medians */
export function ratio(ours, naive, unit) {
  const beside = { ours: median(ours), naive: median(naive), unit }
  return { value: beside.ours / beside.naive, unit: '×', beside, rounds: { ours, naive } }
}

export function verdictOf({ value, goal }) {
  if (!goal) return ''
  return value >= (goal.least ?? -Infinity) && value <= (goal.most ?? Infinity) ? 'met' : 'missed'
}

export function goalOf({ goal, unit }) {
  if (!goal) return '–'
  return goal.least === undefined ? `≤ ${show(goal.most, unit)}` : `≥ ${show(goal.least, unit)}`
}

function detailOf({ beside, detail }) {
  const both =
    beside && `${show(beside.ours, beside.unit)} beside ${show(beside.naive, beside.unit)}`
  return [both, detail].filter(Boolean).join('; ')
}

const HEAD = ['figure', 'measured', 'goal', 'verdict', 'medians, ours beside the naive one']

const rowOf = (figure) => [
  figure.name,
  show(figure.value, figure.unit),
  goalOf(figure),
  verdictOf(figure),
  detailOf(figure),
]

export function table(figures) {
  const all = [HEAD, ...figures.map(rowOf)]
  const widths = HEAD.map((_, i) => Math.max(...all.map((row) => row[i].length)))
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Ratios beside their goals; absolute numbers say little about another machine. */
export function markdown(figures) {
  const rows = [['figure', 'measured', 'goal', 'verdict'], Array(4).fill('---')]
  for (const figure of figures) rows.push(rowOf(figure).slice(0, 4))
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}
