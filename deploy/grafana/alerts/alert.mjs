/**
 * Alert rules in pieces. An alert's expression is a figure and, last, a comparison: the figure alone says how it is now,
 * and a test sees to it that there always is one.
 */

/** Where a pager leads. `RUNBOOKS_URL` puts the address of your copy in its place. */
const RUNBOOKS = process.env.RUNBOOKS_URL ?? 'deploy/docs/runbooks.md'

export const CLUSTER = 'namespace, job'
export const NODE = 'namespace, job, instance'

/** Clusters that Prometheus has heard of within a day. */
export const KNOWN = `group by (${CLUSTER}) (last_over_time(lengthwise_build_info[1d]))`

/** The nodes' own process metrics carry names that every Node.js program has. */
export const ofOurs = (expression) => `(${expression} and on (${NODE}) lengthwise_build_info)`

export const rates = (by, selector, range = '5m') => `sum by (${by}) (rate(${selector}[${range}]))`

export const p99 = (by, histogram, range = '5m') => {
  const [name, labels = '}'] = histogram.split(/(?={)/)
  const selector = labels === '}' ? `${name}_bucket` : `${name}_bucket${labels}`
  return `histogram_quantile(0.99, ${rates(`${by}, le`, selector, range)})`
}

/** Somebody is hurt now, and a person can help: wakes somebody. */
export const critical = (name, rule) => alert(name, 'critical', rule)
/** Somebody will be hurt, or a reserve is used up: can wait for the morning. */
export const warning = (name, rule) => alert(name, 'warning', rule)

/**
 * @param rule.figure what is looked at @param rule.when the comparison, such as `> 0.5`
 * @param rule.lasts how long it must hold @param rule.summary one line for a phone
 * @param rule.description what it means for whom
 */
function alert(name, severity, { figure, when, lasts, summary, description }) {
  return {
    alert: `Lengthwise${name}`,
    expr: `${figure} ${when}`,
    for: lasts,
    labels: { severity },
    annotations: {
      summary,
      description,
      runbook_url: `${RUNBOOKS}#lengthwise${name.toLowerCase()}`,
    },
  }
}
