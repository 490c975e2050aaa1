/** Changes that are not stored, or late. */
import { CLUSTER, critical, p99, rates, warning } from './alert.mjs'

const appends = (outcome) => `lengthwise_appends_total{outcome=~"${outcome}"}`
const conflicts = rates(CLUSTER, appends('conflict|conflict_memory'))

const joins = (outcome) =>
  rates(CLUSTER, `lengthwise_join_duration_seconds_count{outcome=~"${outcome}"}`)

export const changes = [
  critical('AppendsFailing', {
    figure: `${rates(CLUSTER, appends('unavailable|unknown'), '2m')} / ${rates(CLUSTER, 'lengthwise_appends_total', '2m')}`,
    when: '> 0.01',
    lasts: '1m',
    summary: '{{ $value | humanizePercentage }} of changes in {{ $labels.job }} are not stored',
    description:
      'Clients are told that their changes cannot be stored, or are cut off without an answer. They keep them and try again; whoever closes the page loses them.',
  }),
  warning('AppendsInDoubt', {
    figure: `sum by (${CLUSTER}) (increase(lengthwise_appends_in_doubt_total{resolved="unknown"}[10m]))`,
    when: '> 0',
    lasts: '0m',
    summary: 'Commits in {{ $labels.job }} were cut off and not found out',
    description:
      'About {{ $value | humanize }} appends within ten minutes were closed without an answer, because Postgres was away for longer than they could wait.',
  }),
  critical('AppendsSlow', {
    figure: p99(CLUSTER, 'lengthwise_append_duration_seconds{outcome="stored"}'),
    when: '> 1',
    lasts: '5m',
    summary: 'One change in a hundred takes {{ $value | humanizeDuration }} in {{ $labels.job }}',
    description:
      'Authors wait noticeably until their changes are stored, and so do all who see them.',
  }),
  critical('JoinsFailing', {
    figure: `${joins('failed')} / ${joins('joined|failed')}`,
    when: '> 0.05',
    lasts: '2m',
    summary: '{{ $value | humanizePercentage }} of joins in {{ $labels.job }} fail',
    description:
      'People open documents and are turned away although they may: what is stored cannot be read, nearly always because of Postgres.',
  }),
  warning('JoinsSlow', {
    figure: p99(CLUSTER, 'lengthwise_join_duration_seconds{outcome="joined"}'),
    when: '> 2',
    lasts: '10m',
    summary: 'Opening a document takes {{ $value | humanizeDuration }} in {{ $labels.job }}',
    description:
      'For one in a hundred. Postgres reads slowly, or reconnecting clients come all at once.',
  }),
  warning('ConflictsHigh', {
    figure: `(${conflicts} - ${rates(CLUSTER, appends('stored'))})`,
    when: '> 10',
    lasts: '15m',
    summary: 'More changes are refused than stored in {{ $labels.job }}',
    description:
      'Every second {{ $value | humanize }} more appends are refused because somebody else was first than are stored. Work is repeated; the authors of a hot document wait.',
  }),
  critical('RecordsQuarantined', {
    figure: `sum by (${CLUSTER}) (increase(lengthwise_quarantined_records_total[1h]))`,
    when: '> 0',
    lasts: '0m',
    summary: 'A record of a Yjs room in {{ $labels.job }} cannot be read',
    description:
      'It was put into the table yjs_quarantine and its room goes on without it: somebody’s change may be missing there.',
  }),
]
