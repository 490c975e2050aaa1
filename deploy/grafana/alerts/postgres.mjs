/** Postgres as the nodes see it. */
import { CLUSTER, NODE, p99, rates, warning } from './alert.mjs'

export const postgres = [
  warning('PostgresWaiting', {
    figure: p99(NODE, 'lengthwise_postgres_wait_seconds{lane="appends"}'),
    when: '> 0.25',
    lasts: '5m',
    summary:
      'Changes on {{ $labels.instance }} wait {{ $value | humanizeDuration }} for a connection to Postgres',
    description:
      'Postgres is slower than the writers, or the node has too few connections. Waiting is bounded: next, appends are refused.',
  }),
  warning('StatementsLost', {
    figure: rates(CLUSTER, 'lengthwise_append_statements_total{result="lost"}', '10m'),
    when: '> 0.01',
    lasts: '5m',
    summary: 'Connections to Postgres break in {{ $labels.job }}',
    description:
      'Append statements lose their connection, {{ $value | humanize }} a second. The nodes find out what became of each; their authors wait meanwhile.',
  }),
  warning('StatementsRejected', {
    figure: rates(CLUSTER, 'lengthwise_append_statements_total{result="rejected"}', '10m'),
    when: '> 0.01',
    lasts: '5m',
    summary: 'Postgres refuses statements of {{ $labels.job }}',
    description:
      '{{ $value | humanize }} a second, for a reason that trying again does not mend: a full disk, a right that is missing, a damaged table. The authors are told.',
  }),
  warning('SweepsSlow', {
    figure: p99(CLUSTER, 'lengthwise_sweep_duration_seconds', '10m'),
    when: '> 1',
    lasts: '10m',
    summary:
      'Comparing documents with Postgres takes {{ $value | humanizeDuration }} in {{ $labels.job }}',
    description:
      'Lost frames are noticed later, and after a loss of Redis everybody is caught up later.',
  }),
]
