/** Postgres as the nodes see it. */
import { CLUSTER, NODE, p99, rates, warning } from './alert.mjs'

const errors = (by, code) => rates(by, `lengthwise_postgres_errors_total{code="${code}"}`)

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
  warning('PostgresUnreachable', {
    figure: errors(NODE, 'away'),
    when: '> 0.1',
    lasts: '1m',
    summary: 'Node {{ $labels.instance }} gets no connection to Postgres',
    description:
      '{{ $value | humanize }} statements a second find none. On all nodes: Postgres is away, and nothing can be stored. On one: its network, or max_connections is reached.',
  }),
  warning('StatementsLost', {
    figure: errors(CLUSTER, 'lost'),
    when: '> 0.01',
    lasts: '5m',
    summary: 'Connections to Postgres break in {{ $labels.job }}',
    description:
      'Statements lose their connection, {{ $value | humanize }} a second. The nodes find out what became of each append; its author waits meanwhile.',
  }),
  warning('StatementsRejected', {
    figure: errors(CLUSTER, 'rejected'),
    when: '> 0.01',
    lasts: '5m',
    summary: 'Postgres refuses statements of {{ $labels.job }}',
    description:
      '{{ $value | humanize }} a second, for a reason that trying again does not mend: a full disk, a right that is missing, a damaged table. Whose they are is told.',
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
