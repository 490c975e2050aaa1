/** The two questions that an operator asks, answered first: is anyone losing or waiting for changes, and why. */
import { graph, makeDashboard, stat } from '../panels.mjs'
import { max, of, quantile, rate, share, sum, total } from '../queries.mjs'

const appends = (outcome) => of('lengthwise_appends_total', `outcome=~"${outcome}"`)
const stored = of('lengthwise_append_duration_seconds', 'outcome="stored"')
const elsewhere = of('lengthwise_append_to_other_node_seconds')

const losing = [
  stat(
    'Changes not stored',
    'Appends a second that the cluster could not store: `unavailable` (certainly not stored, the client was told) and `unknown` (closed without an answer, because nobody knew). Above 0 people lose time, and what they do offline is at risk if they close the page. Look at "Why" below: nearly always Postgres. Runbook: LengthwiseAppendsFailing.',
    total(appends('unavailable|unknown')),
    { unit: 'ops', bad: 0.001, width: 4 },
  ),
  stat(
    'Nodes ready',
    'Nodes that take new connections. Fewer than you run: "One node" says why, with its reason. 0: nobody can join. Runbooks: LengthwiseNobodyReady, LengthwiseNodeNotReady.',
    sum(of('lengthwise_ready')),
    { decimals: 0, width: 4 },
  ),
  stat(
    'In doubt, never found out',
    'Appends in the last hour whose commit was cut off and of which the node could not find out what became of them; their connections were closed without an answer. Not a loss, but the only case in which a client has to look for itself. Above 0: Postgres was away for longer than APPEND_DEADLINE_MS. Runbook: LengthwiseAppendsInDoubt.',
    sum(`increase(${of('lengthwise_appends_in_doubt_total', 'resolved="unknown"')}[1h])`),
    { decimals: 0, warn: 0.5, width: 4 },
  ),
  stat(
    'Records that cannot be read',
    'Records of Yjs rooms put into the table yjs_quarantine since the nodes started. Each may be a change that somebody misses: the table says in which room and why. See the runbook LengthwiseRecordsQuarantined before anything is deleted.',
    sum(of('lengthwise_quarantined_records_total')),
    { decimals: 0, bad: 1, width: 4 },
  ),
  stat(
    'Turned away by limits',
    'Messages, connections and appends a second refused because of a limit that is set. If these are ordinary users, the limit is too low; if it is one address or user, somebody misbehaves. "Limits hit" on the dashboard Surfaces says which setting. Runbook: LengthwiseLimitsHit.',
    total(of('lengthwise_limits_hit_total')),
    { unit: 'ops', warn: 0.1, width: 4 },
  ),
  stat(
    'Alerts firing',
    'How many of our alerts fire now. Each has a runbook; red marks in the graphs show when they fired.',
    'count(ALERTS{alertname=~"Lengthwise.*",alertstate="firing"}) or vector(0)',
    { decimals: 0, warn: 1, width: 4 },
  ),
]

const waiting = [
  stat(
    'Author waits, p99',
    'From an append arriving at a node to its author being told that it is stored; 99 of 100 are quicker. A few milliseconds are normal. Above 0.25 s people notice: compare with "Where an append waits" below.',
    quantile(0.99, stored),
    { unit: 's', warn: 0.25, bad: 1, width: 4 },
  ),
  stat(
    'Others wait, p99',
    "From an append arriving at its node to it being given to the sessions of another node, as far as the nodes' clocks agree. Near a second or more: Redis is slow or away (changes still arrive, with the sweep) or clocks differ. See the dashboard Documents and fan-out.",
    quantile(0.99, elsewhere),
    { unit: 's', warn: 0.5, bad: 2, width: 4 },
  ),
  stat(
    'Opening waits, p99',
    'From the wish to open a document to its contents being on their way. Rises for a moment when many come at once (rollout, reload of a proxy). For long: Postgres reads slowly. Runbook: LengthwiseJoinsSlow.',
    quantile(0.99, of('lengthwise_join_duration_seconds', 'outcome="joined"')),
    { unit: 's', warn: 1, bad: 5, width: 4 },
  ),
  stat(
    'Bytes not delivered yet',
    'Committed bytes that sessions have not been given. It is never quite 0 under load; growing means readers slower than writers, or a node that cannot read from Postgres quickly enough. See "Slow readers" beside it.',
    sum(of('lengthwise_sessions_behind_bytes')),
    { unit: 'bytes', warn: 16 * 2 ** 20, bad: 256 * 2 ** 20, width: 4 },
  ),
  stat(
    'Slow readers',
    'Sessions paused because their client does not read quickly enough: a bad network, a sleeping tab. They are caught up from the log when they read again. Many at once point to the network or to the proxy in front. Runbook: LengthwiseSlowReaders.',
    sum(of('lengthwise_sessions_paused')),
    { decimals: 0, warn: 50, width: 4 },
  ),
  stat(
    'Appends queued',
    'Appends that wait for a statement or its answer. Tens are normal under load; at 10,000 a node refuses more. Growing: Postgres is slower than the writers. Runbook: LengthwisePostgresWaiting.',
    sum(of('lengthwise_append_queue')),
    { decimals: 0, warn: 1_000, bad: 5_000, width: 4 },
  ),
]

const why = [
  graph(
    'Appends by outcome',
    '`stored` is work; `conflict` is two writers at once, told by Postgres, `conflict_memory` the same without a statement; `denied` lacks the right; `unavailable` and `unknown` are the cluster’s fault and page somebody.',
    [[total(of('lengthwise_appends_total'), 'outcome'), '{{outcome}}']],
    { unit: 'ops' },
  ),
  graph(
    'Where an append waits, p99',
    'The one on top is the reason: `connection` (too few connections for the load: DATABASE_CONNECTIONS), `statement` (Postgres itself: locks, disk, vacuum), `event loop` (the node has too much to do: more nodes or WORKERS), `other node` (Redis). `whole` is what the author sees.',
    [
      [quantile(0.99, stored), 'whole'],
      [quantile(0.99, of('lengthwise_postgres_wait_seconds', 'lane="appends"')), 'connection'],
      [quantile(0.99, of('lengthwise_append_statement_duration_seconds')), 'statement'],
      [quantile(0.99, of('lengthwise_event_loop_delay_seconds')), 'event loop'],
      [quantile(0.99, elsewhere), 'other node'],
    ],
    { unit: 's' },
  ),
  graph(
    'Changes that came late, by cause',
    'Documents a second that had missed bytes and read them from Postgres. `gap` and `announced` are harmless (frames overtook each other, a large change); `reconnect` follows a lost Redis connection; `sweep` means that a frame was lost and nobody noticed for seconds: if it stays, see the runbook LengthwiseFramesLost.',
    [[total(of('lengthwise_repairs_total'), 'cause'), '{{cause}}']],
    { unit: 'ops', stack: true },
  ),
  graph(
    'Nodes that hear Redis',
    '1 is yes. At 0 a node is in Redis-less mode: nothing is lost and it stays ready, but changes of other nodes come about a second later. One node alone: its network; all of them: Redis. Runbook: LengthwiseRedisDown.',
    [[of('lengthwise_redis_up'), '{{instance}}']],
    { decimals: 0 },
  ),
  graph(
    'Errors of Postgres',
    'Statements a second that failed, by what the node saw: `away` (no connection), `lost` (it broke in the middle), `retry` (deadlock, failover: sent again), `rejected` (an answer that trying again does not mend). None is normal. Runbooks: LengthwisePostgresUnreachable, LengthwiseStatementsLost, LengthwiseStatementsRejected.',
    [[total(of('lengthwise_postgres_errors_total'), 'code'), '{{code}}']],
    { unit: 'ops' },
  ),
  graph(
    'Not ready, by reason',
    '1 while this keeps a node from taking new connections: `draining` belongs to a rollout, `postgres_away` hurts, `redis_deaf` lasts seconds, `overloaded` wants more nodes.',
    [[max(of('lengthwise_not_ready'), 'reason'), '{{reason}}']],
    { decimals: 0 },
  ),
  graph(
    'Closed by the cluster',
    'Connections a second that nodes closed, by close code: 1012 is a node that leaves, 1013 overload or no Postgres, 1009 too big, 44xx rights. A burst of 1012 is a rollout; of anything else, look at the log.',
    [[total(of('lengthwise_connections_closed_total', 'by="server"'), 'code'), '{{code}}']],
    { unit: 'ops' },
  ),
  graph(
    'Conflict ratio',
    'Appends refused because somebody else was first, of all that were refused or stored. A few per cent are normal where people work on the same document; above half, clients mostly repeat each other’s work: usually one hot document or one client that does not wait. Runbook: LengthwiseConflictsHigh.',
    share(appends('conflict|conflict_memory'), appends('conflict|conflict_memory|stored')),
    { unit: 'percentunit', warn: 0.5 },
  ),
  graph(
    'Event loop delay, p99 by node',
    'How late a node runs what is due. Above 0.1 s everybody on that node waits: too many sessions for its processor, or one huge message. Add nodes or WORKERS. Runbook: LengthwiseEventLoopSlow.',
    [[quantile(0.99, of('lengthwise_event_loop_delay_seconds'), 'instance'), '{{instance}}']],
    { unit: 's', warn: 0.1 },
  ),
]

const load = [
  graph(
    'Sessions by node',
    'A session is one client on one document. Uneven after a rollout is normal, because clients stay where they are; the newest node fills as clients come and go.',
    [[sum(of('lengthwise_sessions'), 'instance'), '{{instance}}']],
    { stack: true, decimals: 0 },
  ),
  graph(
    'Delivered',
    'Bytes a second given to sessions, by node: what the network and most of the processor go to.',
    [[total(of('lengthwise_delivered_bytes_total'), 'instance'), '{{instance}}']],
    { unit: 'Bps', stack: true },
  ),
  graph(
    'Processors by node',
    'Processors busy. A node without WORKERS uses little more than one: at 0.8 of it the event loop delay begins to rise. Scale out before that.',
    [[sum(rate(of('process_cpu_seconds_total')), 'instance'), '{{instance}}']],
    { unit: 'none', decimals: 2 },
  ),
  graph(
    'Memory by node',
    'Resident memory. It should follow the sessions; growing while they do not is a leak worth reporting, with a heap snapshot.',
    [[max(of('process_resident_memory_bytes'), 'instance'), '{{instance}}']],
    { unit: 'bytes' },
  ),
  graph(
    'Documents open by node',
    'Documents with a session, per node: a document open on three nodes counts three times, and each of them hears its channel.',
    [[sum(of('lengthwise_documents_open'), 'instance'), '{{instance}}']],
    { stack: true, decimals: 0 },
  ),
  graph(
    'Versions running',
    'Nodes by version. Two for the time of a rollout; if it stays two, the rollout is stuck. Runbook: LengthwiseVersionsMixed.',
    [[`count by (version) (${of('lengthwise_build_info')})`, '{{version}}']],
    { decimals: 0, stack: true },
  ),
]

export const overview = () =>
  makeDashboard(
    'overview',
    'Overview',
    'Is anyone losing or waiting for changes, and why. Begin here; every panel says what to do.',
    [
      ['Is anyone losing changes?', losing],
      ['Is anyone waiting for changes?', waiting],
      ['Why?', why],
      ['How much is there to do', load],
    ],
  )
