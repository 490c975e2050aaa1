import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: string }
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook_url', string>>
}

export interface RulesFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[]
}

/** The one committed copy: the chart, compose and the tests all read it. */
export const rulesPath = 'helm/lengthwise/files/alerts.yaml'

export const readRules = async (): Promise<RulesFile> =>
  parse(await readFile(rulesPath, 'utf8')) as RulesFile

export const rulesOf = ({ groups }: RulesFile): AlertRule[] => groups.flatMap(({ rules }) => rules)

/** What an alert looks at: its expression without the comparison, which comes last. */
export function figureOf({ alert, expr }: AlertRule): string {
  const figure = /^(.*) (?:[<>]=?|==|!=) [\d.]+$/s.exec(expr)?.[1]
  if (figure === undefined) throw new Error(`${alert} does not end with a comparison: ${expr}`)
  return figure
}
