/** What clients do, or suffer. */
import { CLUSTER, NODE, critical, rates, warning } from './alert.mjs'

const admissions = (outcome) => rates(CLUSTER, `lengthwise_admissions_total{outcome=~"${outcome}"}`)

export const clients = [
  critical('AuthUnavailable', {
    figure: `${admissions('unavailable')} / ${admissions('.+')}`,
    when: '> 0.05',
    lasts: '2m',
    summary: '{{ $value | humanizePercentage }} of clients in {{ $labels.job }} cannot be judged',
    description:
      'AUTH_HOOK_URL or AUTH_JWKS_URL does not answer, and without an answer nobody is let in.',
  }),
  warning('AuthRefusing', {
    figure: `${admissions('unauthenticated')} / ${admissions('.+')}`,
    when: '> 0.5',
    lasts: '10m',
    summary: '{{ $value | humanizePercentage }} of clients in {{ $labels.job }} are not let in',
    description:
      'Their tokens are not accepted. After a change of keys everybody is meant; otherwise somebody tries tokens.',
  }),
  warning('CallbacksGivenUp', {
    figure: `sum by (${CLUSTER}, surface) (increase(lengthwise_callbacks_total{outcome="given_up"}[1h]))`,
    when: '> 0',
    lasts: '0m',
    summary: 'Your application was not told of documents of {{ $labels.surface }}',
    description:
      'About {{ $value | humanize }} times within an hour its callback or webhook did not answer, however often it was tried.',
  }),
  warning('LimitsHit', {
    figure: rates(`${CLUSTER}, limit`, 'lengthwise_limits_hit_total'),
    when: '> 0.5',
    lasts: '10m',
    summary: 'The limit {{ $labels.limit }} is hit in {{ $labels.job }}',
    description:
      '{{ $value | humanize }} times a second clients are turned away: a limit too low, or somebody who asks too much.',
  }),
  warning('ProtocolErrors', {
    figure: rates(`${CLUSTER}, surface, code`, 'lengthwise_protocol_errors_total'),
    when: '> 1',
    lasts: '10m',
    summary:
      'Clients of {{ $labels.surface }} in {{ $labels.job }} get the error {{ $labels.code }}',
    description:
      '{{ $value | humanize }} times a second. After a release of your application its clients or tokens may be wrong.',
  }),
  warning('SlowReaders', {
    figure: `sum by (${NODE}) (lengthwise_sessions_paused) / sum by (${NODE}) (lengthwise_sessions)`,
    when: '> 0.1',
    lasts: '10m',
    summary:
      '{{ $value | humanizePercentage }} of the sessions on {{ $labels.instance }} read too slowly',
    description:
      'They are paused and get what they missed when they read again. So many at once share a network or a proxy.',
  }),
  warning('FoldsWaiting', {
    figure: `sum by (${NODE}) (lengthwise_yjs_tasks_waiting)`,
    when: '> 100',
    lasts: '15m',
    summary: '{{ $value }} tasks of Yjs rooms wait on {{ $labels.instance }}',
    description:
      'Rooms are not folded in time: joining them gets slower. Large updates wait as well.',
  }),
]
