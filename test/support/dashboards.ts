import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const folder = 'helm/lengthwise/files/dashboards'

export interface Panel {
  readonly title: string
  readonly type: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly w: number }
  readonly id: number
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

export interface Dashboard {
  readonly uid: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; query: unknown }[] }
}

export async function readDashboards(): Promise<Dashboard[]> {
  const texts = (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8'))
  return (await Promise.all(texts)).map((text) => JSON.parse(text) as Dashboard)
}

export const panelsOf = ({ panels }: Dashboard): Panel[] =>
  panels.filter(({ type }) => type !== 'row')

export interface Look {
  /** Dashboard, panel and legend, for a person. */
  readonly name: string
  readonly expr: string
}

/** Every expression of every panel, as it stands. */
export const looksOf = (dashboard: Dashboard): Look[] =>
  panelsOf(dashboard).flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      name: `${dashboard.uid} / ${title} / ${legendFormat}`,
      expr,
    })),
  )

/** What Grafana puts in place of the variables: all of everything, unless a test says else. */
export function fillIn(expr: string, chosen: Readonly<Record<string, string>> = {}): string {
  const values: Record<string, string> = { namespace: '.*', job: '.*', instance: '.*' }
  Object.assign(values, { surface: '.*', __rate_interval: '5s', __range: '30s' }, chosen)
  return expr.replaceAll(/\$(\w+)/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`nothing is known of $${name}: ${expr}`)
    return value
  })
}
