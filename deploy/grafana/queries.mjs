/**
 * PromQL in pieces. Everything that a dashboard shows goes through these, so that every panel heeds the variables and
 * every percentile is reckoned from histograms, whose buckets may be added up over nodes and worker threads.
 */

const chosen = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'

/** A metric of the chosen nodes. @param labels further matchers, such as `cause="gap"` */
export const of = (metric, labels = '') =>
  `${metric}{${[chosen, labels].filter(Boolean).join(',')}}`

/** The same, of the chosen surfaces: for metrics that have the label. */
export const ofSurface = (metric, labels = '') =>
  of(metric, ['surface=~"$surface"', labels].filter(Boolean).join(','))

/** Per second, over as many scrapes as Grafana thinks right for the range that is looked at. */
export const rate = (selector) => `rate(${selector}[$__rate_interval])`

export const sum = (expression, by) => `sum${by ? ` by (${by}) ` : ''}(${expression})`
export const max = (expression, by) => `max${by ? ` by (${by}) ` : ''}(${expression})`

/** Per second, added up. */
export const total = (selector, by) => sum(rate(selector), by)

/** @param histogram a selector without `_bucket`, made by `of` or `ofSurface` */
export function quantile(q, histogram, by) {
  const buckets = histogram.replace('{', '_bucket{')
  return `histogram_quantile(${q}, ${total(buckets, ['le', by].filter(Boolean).join(', '))})`
}

/** The mean of what a histogram or summary has observed. */
export const mean = (histogram, by) =>
  `${total(histogram.replace('{', '_sum{'), by)} / ${total(histogram.replace('{', '_count{'), by)}`

/** A part of a whole, both counters. */
export const share = (part, whole, by) => `${total(part, by)} / ${total(whole, by)}`
