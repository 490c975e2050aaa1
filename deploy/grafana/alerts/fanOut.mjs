/** From node to node: nothing is lost here, but everything may be late. */
import { CLUSTER, NODE, p99, rates, warning } from './alert.mjs'

const isHeard = `max by (${CLUSTER}) (lengthwise_redis_up) == 1`
const isHeardByAll = `min by (${CLUSTER}) (lengthwise_redis_up) == 1`
const repairs = (cause) => rates(CLUSTER, `lengthwise_repairs_total{cause="${cause}"}`)
const delivered = rates(CLUSTER, 'lengthwise_frames_heard_total{what="delivered"}')

export const fanOut = [
  warning('RedisDown', {
    figure: `max by (${CLUSTER}) (lengthwise_redis_up)`,
    when: '== 0',
    lasts: '1m',
    summary: 'No node of {{ $labels.job }} hears Redis',
    description:
      'All of them serve on without it: changes are stored as ever, but reach the clients of other nodes a second or so later, and cursors of other nodes stand still.',
  }),
  warning('SubscriberDeaf', {
    figure: `(lengthwise_redis_probe_age_seconds and on (${CLUSTER}) ${isHeard})`,
    when: '> 20',
    lasts: '1m',
    summary: 'Node {{ $labels.instance }} does not hear Redis, others do',
    description:
      'It has not heard its own probe for {{ $value | humanizeDuration }}. Its clients get the changes of other nodes a second or so later.',
  }),
  warning('Resubscribing', {
    figure: `sum by (${NODE}) (increase(lengthwise_resubscriptions_total[30m]))`,
    when: '> 5',
    lasts: '0m',
    summary: 'Node {{ $labels.instance }} loses Redis again and again',
    description:
      'About {{ $value | humanize }} times within half an hour. Each time its documents are compared with Postgres; until then changes of other nodes are late.',
  }),
  warning('PublishesLost', {
    figure: rates(CLUSTER, 'lengthwise_redis_publish_lost_total{why=~"full|refused"}'),
    when: '> 0.1',
    lasts: '5m',
    summary: 'Redis does not take what {{ $labels.job }} publishes',
    description:
      '{{ $value | humanize }} messages a second are not published, because Redis is too slow or refuses them (memory, rights). Other nodes get the changes later.',
  }),
  warning('FramesLost', {
    figure: `(${repairs('sweep')} and on (${CLUSTER}) ${isHeardByAll})`,
    when: '> 0.1',
    lasts: '10m',
    summary: 'Changes get lost on the way through Redis in {{ $labels.job }}',
    description:
      'Every second the sweep finds {{ $value | humanize }} documents behind although Redis is heard: their readers have waited for seconds.',
  }),
  warning('GapsRepaired', {
    figure: `${repairs('gap')} / ${delivered}`,
    when: '> 0.05',
    lasts: '10m',
    summary:
      '{{ $value | humanizePercentage }} of frames in {{ $labels.job }} came with a gap before them',
    description:
      'Readers get everything, but Postgres is read for what Redis should have brought: it loses messages, or nodes publish late.',
  }),
  warning('OtherNodesSlow', {
    figure: p99(CLUSTER, 'lengthwise_append_to_other_node_seconds'),
    when: '> 2',
    lasts: '10m',
    summary: 'Changes in {{ $labels.job }} take {{ $value | humanizeDuration }} to other nodes',
    description:
      'One in a hundred, from arrival to the sessions of another node: Redis is overloaded, or the clocks of the nodes differ.',
  }),
]
