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
  critical('NobodyReady', {
    figure: `max by (${CLUSTER}) (lengthwise_ready)`,
    when: '== 0',
    lasts: '1m',
    summary: 'No node of {{ $labels.job }} is ready',
    description:
      'All nodes run, and none takes new connections: load balancers answer with errors. `/readyz` and lengthwise_not_ready say why; nearly always Postgres is away.',
  }),
  warning('NodeDown', {
    figure: `(${UP})`,
    when: '== 0',
    lasts: '5m',
    summary: 'Node {{ $labels.instance }} cannot be reached',
    description:
      'It has not answered for five minutes. Its clients are on the other nodes by now; a reserve is missing.',
  }),
  warning('NodeNotReady', {
    figure: 'lengthwise_ready',
    when: '== 0',
    lasts: '10m',
    summary: 'Node {{ $labels.instance }} is not ready',
    description:
      'It has taken no new connections for ten minutes; lengthwise_not_ready says why. Its clients stay, new ones go to the others.',
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
  warning('WorkerStuck', {
    figure: 'lengthwise_workers_late',
    when: '> 0',
    lasts: '2m',
    summary: 'A thread of {{ $labels.instance }} does not answer',
    description:
      '{{ $value }} of its threads have not told their figures for two minutes: everybody on them waits, and the figures of this node are old ones.',
  }),
  warning('HeapNearLimit', {
    figure: 'lengthwise_heap_used_ratio',
    when: '> 0.9',
    lasts: '10m',
    summary: 'Node {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its heap',
    description:
      'At the limit the process ends, and its clients reconnect elsewhere. Before that garbage collection makes everything slow.',
  }),
  warning('MemoryNearLimit', {
    figure: ofOurs('process_resident_memory_bytes / lengthwise_memory_limit_bytes'),
    when: '> 0.9',
    lasts: '10m',
    summary: 'Node {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory',
    description:
      'Of its container’s limit, or of the machine. At the limit the kernel kills it, without a drain; its clients reconnect elsewhere.',
  }),
  warning('ConnectionsNearLimit', {
    figure: `sum by (${NODE}) (lengthwise_connections) / (sum by (${NODE}) (lengthwise_connections_limit) > 0)`,
    when: '> 0.9',
    lasts: '5m',
    summary:
      'Node {{ $labels.instance }} has {{ $value | humanizePercentage }} of the connections it may have',
    description: 'At MAX_CONNECTIONS it refuses new ones. When all nodes do, nobody gets in.',
  }),
  warning('DrainStuck', {
    figure: 'lengthwise_drain_age_seconds / lengthwise_drain_limit_seconds',
    when: '> 1',
    lasts: '1m',
    summary: 'Node {{ $labels.instance }} does not get done with leaving',
    description:
      'It has taken {{ $value | humanizePercentage }} of the time that leaving takes at most: DRAIN_NOTICE_MS, DRAIN_MS and 15 s. It holds the rollout up.',
  }),
  warning('LeaseLapsing', {
    figure: 'lengthwise_lease_age_seconds / lengthwise_lease_limit_seconds',
    when: '> 0.8',
    lasts: '15s',
    summary:
      'Node {{ $labels.instance }} is at {{ $value | humanizePercentage }} of its lease, not renewed',
    description:
      'At LEASE_MS the others take it for dead: its clients vanish from lists and their keys are cleared, although they are there.',
  }),
  warning('LeaseLapsed', {
    figure: `sum by (${NODE}) (increase(lengthwise_lease_renewals_total{result="removed"}[30m]))`,
    when: '> 0',
    lasts: '0m',
    summary: 'Node {{ $labels.instance }} was taken for dead and is not',
    description:
      'It was stopped or cut off from Postgres for longer than its lease. Its clients’ presence and keys were cleared and had to be made again.',
  }),
  warning('CertificateExpiring', {
    figure: `(min by (${NODE}) (lengthwise_tls_certificate_expiry_timestamp_seconds) - time())`,
    when: '< 604800',
    lasts: '10m',
    summary: 'The certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}',
    description:
      'From then on browsers refuse to connect. What renews it should have done so: it is read again from TLS_CERT_FILE when it changes.',
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
