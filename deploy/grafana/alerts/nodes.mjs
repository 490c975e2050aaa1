/** The nodes themselves. */
import { CLUSTER, KNOWN, NODE, critical, ofOurs, p99, warning } from './alert.mjs'

const UP = `up and on (${CLUSTER}) ${KNOWN}`

export const nodes = [
  critical('NobodyServes', {
    figure: `(max by (${CLUSTER}) (${UP}) or 0 * ${KNOWN})`,
    when: '== 0',
    lasts: '1m',
    summary: 'No node of {{ $labels.job }} can be reached',
    description:
      'Prometheus reaches none of the nodes that were there within the last day. Nobody can work, unless only Prometheus is cut off.',
  }),
  warning('NodeDown', {
    figure: `(${UP})`,
    when: '== 0',
    lasts: '5m',
    summary: 'Node {{ $labels.instance }} cannot be reached',
    description:
      'It has not answered for five minutes. Its clients are on the other nodes by now; a reserve is missing.',
  }),
  warning('NodeRestarting', {
    figure: ofOurs('changes(process_start_time_seconds[30m])'),
    when: '> 2',
    lasts: '1m',
    summary: 'Node {{ $labels.instance }} keeps starting anew',
    description:
      'It has started {{ $value }} times within half an hour. Each time its clients reconnect; nothing that was acknowledged is lost.',
  }),
  warning('VersionsMixed', {
    figure: `count by (${CLUSTER}) (count by (${CLUSTER}, version) (lengthwise_build_info))`,
    when: '> 1',
    lasts: '2h',
    summary: '{{ $labels.job }} runs {{ $value }} versions',
    description:
      'Two versions work together, but for two hours no rollout should need: it is stuck.',
  }),
  warning('EventLoopSlow', {
    figure: p99(NODE, 'lengthwise_event_loop_delay_seconds'),
    when: '> 0.1',
    lasts: '10m',
    summary: 'Node {{ $labels.instance }} runs {{ $value | humanizeDuration }} late',
    description:
      'Everybody on this node waits for so long at every step: its processor is full, or something blocks it.',
  }),
  warning('FilesNearLimit', {
    figure: ofOurs('process_open_fds / process_max_fds'),
    when: '> 0.85',
    lasts: '5m',
    summary: 'Node {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its open files',
    description:
      'At the limit it takes no further connections, and may lose those to Postgres and Redis.',
  }),
]
