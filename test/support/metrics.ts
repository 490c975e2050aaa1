/** What a node's /metrics says, as numbers. */
export interface Figures {
  /** The sum of all series of `lengthwise_<name>` with these labels; 0 when there is none. */
  of(name: string, labels?: Readonly<Record<string, string>>): number
}

interface Series {
  name: string
  labels: string
  value: number
}

const LINE = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)/i

/** @param page in the text format of Prometheus */
export function parseMetrics(page: string): Figures {
  const series: Series[] = []
  for (const line of page.split('\n')) {
    const found = line.startsWith('#') ? undefined : LINE.exec(line)
    if (!found) continue
    const [, name = '', labels = '', value] = found
    series.push({ name, labels: `,${labels},`, value: Number(value) })
  }
  return {
    of(name, labels = {}) {
      const wanted = Object.entries(labels).map(([key, value]) => `,${key}="${value}",`)
      return series
        .filter((each) => each.name === `lengthwise_${name}` || each.name === name)
        .filter((each) => wanted.every((label) => each.labels.includes(label)))
        .reduce((sum, each) => sum + each.value, 0)
    },
  }
}

/** Several nodes, or one node before and after a restart, as one. */
export function addFigures(figures: readonly Figures[]): Figures {
  return { of: (name, labels) => figures.reduce((sum, each) => sum + each.of(name, labels), 0) }
}
