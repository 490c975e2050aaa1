/** One node: whether it is it, and what of it. */
import { leaving } from './leaving.mjs'
import { graph, makeDashboard, stat } from '../panels.mjs'
import { max, of, quantile, rate, sum, total } from '../queries.mjs'

const now = [
  stat(
    'Answers',
    '1 while Prometheus can read its figures. At 0 the process is gone or its event loop stands: `kubectl logs --previous`, or the journal. Runbook: LengthwiseNodeDown.',
    max(of('up')),
    { decimals: 0, width: 3 },
  ),
  stat(
    'Ready',
    '1 while it takes new connections. At 0, "Not ready, by reason" below says why. Runbook: LengthwiseNodeNotReady.',
    max(of('lengthwise_ready')),
    { decimals: 0, width: 3 },
  ),
  stat(
    'Runs for',
    'Since the process started. A small number that nobody can explain is a crash: the last lines of its log say why. Runbook: LengthwiseNodeRestarting.',
    `time() - ${max(of('process_start_time_seconds'))}`,
    { unit: 's', width: 3 },
  ),
  stat(
    'Connections',
    'Open WebSockets. New ones are refused at MAX_CONNECTIONS.',
    sum(of('lengthwise_connections')),
    { decimals: 0, width: 3 },
  ),
  stat(
    'Sessions',
    'Clients on documents. Many connections and few sessions: clients that connect and do not get further, see "Protocol errors" on the dashboard Surfaces.',
    sum(of('lengthwise_sessions')),
    { decimals: 0, width: 3 },
  ),
  stat(
    'Documents open',
    'Documents that its sessions have open. More of them cost memory and channels; people who leave close them.',
    sum(of('lengthwise_documents_open')),
    { decimals: 0, width: 3 },
  ),
  stat(
    'Heap, of its limit',
    'Of the fullest thread. Near 1 the process ends: more memory, or fewer sessions on it. Runbook: LengthwiseHeapNearLimit.',
    max(of('lengthwise_heap_used_ratio')),
    { unit: 'percentunit', warn: 0.8, bad: 0.9, width: 3 },
  ),
  stat(
    'Files open, of those allowed',
    'Each WebSocket is one open file, behind a proxy on the same machine three. Near 1 connections fail: raise LimitNOFILE or the ulimit. Runbook: LengthwiseFilesNearLimit.',
    `${max(of('process_open_fds'))} / ${max(of('process_max_fds'))}`,
    { unit: 'percentunit', warn: 0.7, bad: 0.9, width: 3 },
  ),
  stat(
    'Certificate expires in',
    'Of the certificate that new connections see; nothing where the node has no TLS of its own. Within a week: what renews it has not. Runbook: LengthwiseCertificateExpiring.',
    `min(${of('lengthwise_tls_certificate_expiry_timestamp_seconds')}) - time()`,
    { unit: 's', width: 3 },
  ),
]

const processor = [
  graph(
    'Processors busy',
    'By user code and by the kernel (sockets). Without WORKERS one event loop can use one processor: near 1 it is full.',
    [
      [sum(rate(of('process_cpu_user_seconds_total'))), 'user'],
      [sum(rate(of('process_cpu_system_seconds_total'))), 'kernel'],
    ],
    { unit: 'none', stack: true },
  ),
  graph(
    'Event loop delay',
    'How late timers run: half of the time, and at worst. High with a busy processor: too much load. High with an idle one: something blocks, such as garbage collection (beside) or a starved container (CPU limit).',
    [
      [quantile(0.5, of('lengthwise_event_loop_delay_seconds')), 'p50'],
      [quantile(0.99, of('lengthwise_event_loop_delay_seconds')), 'p99'],
      [quantile(0.999, of('lengthwise_event_loop_delay_seconds')), 'p99.9'],
    ],
    { unit: 's', warn: 0.1 },
  ),
  graph(
    'Garbage collection',
    'Share of time, by kind. `minor` is normal with traffic; `major` above some per cent means that the heap is nearly full: see Memory.',
    [[total(of('nodejs_gc_duration_seconds_sum'), 'kind'), '{{kind}}']],
    { unit: 'percentunit', stack: true },
  ),
  graph(
    'Memory',
    '`resident` is what the kernel and a container’s limit count: at most that of the machine if there is none. Runbook: LengthwiseMemoryNearLimit. `heap` is JavaScript’s, `external` holds buffers and pages. Resident growing with a steady heap is usually the allocator; growing heap with steady sessions is a leak.',
    [
      [max(of('process_resident_memory_bytes')), 'resident'],
      [max(of('lengthwise_memory_limit_bytes')), 'resident at most'],
      [sum(of('nodejs_heap_size_used_bytes')), 'heap used'],
      [sum(of('nodejs_heap_size_total_bytes')), 'heap'],
      [sum(of('nodejs_external_memory_bytes')), 'external'],
    ],
    { unit: 'bytes' },
  ),
  graph(
    'Cache of pages',
    'Bytes of documents kept for joins, at most CACHE_BYTES a worker. Full is good. See "Where pages come from" on Documents and fan-out.',
    sum(of('lengthwise_cache_bytes')),
    { unit: 'bytes' },
  ),
  graph(
    'Open files',
    'Sockets mostly; beside the most that the process may have.',
    [
      [max(of('process_open_fds')), 'open'],
      [max(of('process_max_fds')), 'allowed'],
    ],
    { decimals: 0 },
  ),
]

const work = [
  graph(
    'Sessions and connections',
    'A step down that is not a rollout: the proxy in front was reloaded, or clients were closed; "Protocol errors" on Surfaces says why.',
    [
      [sum(of('lengthwise_connections')), 'connections'],
      [sum(of('lengthwise_sessions')), 'sessions'],
      [sum(of('lengthwise_sessions_paused')), 'paused'],
    ],
    { decimals: 0 },
  ),
  graph(
    'Appends by outcome',
    'As on the overview, of this node alone. A node worse than the others has a bad way to Postgres or too little processor.',
    [[total(of('lengthwise_appends_total'), 'outcome'), '{{outcome}}']],
    { unit: 'ops' },
  ),
  graph(
    'Author waits',
    'From arrival to acknowledgement. Worse than on the other nodes: its way to Postgres, or its event loop (above).',
    [0.5, 0.9, 0.99].map((q) => [
      quantile(q, of('lengthwise_append_duration_seconds', 'outcome="stored"')),
      `p${q * 100}`,
    ]),
    { unit: 's', warn: 0.25 },
  ),
  graph(
    'Waiting in this node',
    'Appends that wait for a statement, statements that wait for a connection. Both near 0 unless Postgres is slow.',
    [
      [sum(of('lengthwise_append_queue')), 'appends'],
      [sum(of('lengthwise_postgres_waiting')), 'statements'],
      [sum(of('lengthwise_yjs_tasks_waiting')), 'tasks of worker threads'],
    ],
    { decimals: 0 },
  ),
  graph(
    'Buffers of sockets',
    'Bytes that wait in the buffers of its WebSockets. Bounded for each (SOCKET_BUFFER); much of it means many slow readers.',
    sum(of('lengthwise_sockets_buffered_bytes')),
    { unit: 'bytes' },
  ),
  graph(
    'Full sockets',
    'WebSockets whose buffer is full (their readers are paused), and more than half full (the next ones).',
    [
      [sum(of('lengthwise_sockets_full')), 'full'],
      [sum(of('lengthwise_sockets_half_full')), 'over half'],
    ],
    { decimals: 0 },
  ),
  graph(
    'Bytes not delivered yet',
    'Committed, but not yet given to this node’s sessions. Only slow readers hold it up for long.',
    [
      [sum(of('lengthwise_sessions_behind_bytes')), 'all together'],
      [max(of('lengthwise_sessions_behind_most_bytes')), 'the furthest behind'],
    ],
    { unit: 'bytes' },
  ),
  graph(
    'Delivered',
    'Messages and bytes a second to its sessions.',
    [
      [total(of('lengthwise_delivered_bytes_total')), 'bytes'],
      [total(of('lengthwise_catch_up_bytes_total')), 'of them from the log'],
    ],
    { unit: 'Bps' },
  ),
]

export const node = () =>
  makeDashboard(
    'node',
    'One node',
    'One node in detail: choose it above. If only this one is bad, drain it (SIGTERM): clients go elsewhere and lose nothing.',
    [
      ['Now', now],
      ['Processor and memory', processor],
      ['Work', work],
      ['Readiness, drain and lease', leaving],
    ],
    { one: true },
  )
