/** Documents and the fan-out of their changes between nodes. */
import { graph, makeDashboard } from '../panels.mjs'
import { max, mean, of, quantile, share, sum, total } from '../queries.mjs'

const elsewhere = of('lengthwise_append_to_other_node_seconds')

const fanOut = [
  graph(
    'Append to another node’s sessions',
    'The whole way: commit, Redis, the other node. Reckoned with both nodes’ clocks, so a few milliseconds of difference between clocks show here. A second or more: Redis-less mode, or Redis is overloaded.',
    [0.5, 0.9, 0.99].map((q) => [quantile(q, elsewhere), `p${q * 100}`]),
    { unit: 's', warn: 0.5 },
  ),
  graph(
    'Frames published',
    'Frames a second for other nodes, by kind: `chunk` carries a change, or announces a large one. None while there is work means that Redis is away.',
    [[total(of('lengthwise_frames_sent_total'), 'kind'), '{{kind}}']],
    { unit: 'ops' },
  ),
  graph(
    'Frames received',
    'Frames a second from other nodes, by kind. Each frame published is received by every node that has the document open. Published and not received anywhere: subscriptions are missing, see "Channels heard".',
    [[total(of('lengthwise_frames_received_total'), 'kind'), '{{kind}}']],
    { unit: 'ops' },
  ),
  graph(
    'Frames heard',
    '`delivered` went on to sessions. `seen` were there already (caught up meanwhile, or doubled): harmless. `held` waited for one before them. `unknown` come from a newer version during a rollout; at any other time, something else writes to these channels.',
    [[total(of('lengthwise_frames_heard_total'), 'what'), '{{what}}']],
    { unit: 'ops' },
  ),
  graph(
    'Probe heard',
    'Seconds since each node last heard its own probe through Redis. It moves between 0 and some seconds; growing steadily, the connection is open and deaf, and the node makes a new one by itself. If it grows again and again: Redis closes or starves subscribers (client-output-buffer-limit pubsub). Runbook: LengthwiseSubscriberDeaf.',
    [[max(of('lengthwise_redis_probe_age_seconds'), 'instance'), '{{instance}}']],
    { unit: 's', warn: 10 },
  ),
  graph(
    'Not published',
    'Messages a second that Redis did not take: `away`, too slow (`full`) or refused. Readers elsewhere get those changes with the sweep. Runbook: LengthwisePublishesLost.',
    [[total(of('lengthwise_redis_publish_lost_total'), 'why'), '{{why}}']],
    { unit: 'ops' },
  ),
  graph(
    'Channels heard',
    'One for each document open on the node, and one for the cluster. It should follow "Documents open": fewer means that subscribing lags behind.',
    [
      [sum(of('lengthwise_redis_channels'), 'instance'), '{{instance}} channels'],
      [sum(of('lengthwise_followers'), 'instance'), '{{instance}} documents'],
    ],
    { decimals: 0 },
  ),
  graph(
    'Bytes published and received',
    'What Redis must take, and what it must give to all nodes together. Its network is the limit of one Redis; beyond it, Redis Cluster.',
    [
      [total(of('lengthwise_frames_sent_bytes_total')), 'published'],
      [total(of('lengthwise_frames_received_bytes_total')), 'received'],
    ],
    { unit: 'Bps' },
  ),
]

const repairs = [
  graph(
    'Repairs by cause',
    'Times a second that a node had missed bytes and read them from Postgres. `sweep` is the one to look at: a lost frame that nobody noticed until the check. `reconnect` comes in bursts after Redis was away. Runbooks: LengthwiseFramesLost, LengthwiseGapsRepaired.',
    [[total(of('lengthwise_repairs_total'), 'cause'), '{{cause}}']],
    { unit: 'ops', stack: true },
  ),
  graph(
    'Bytes repaired by cause',
    'How much had been missed. Much by `announced` is normal: changes above the frame limit are announced and read from Postgres.',
    [[total(of('lengthwise_repaired_bytes_total'), 'cause'), '{{cause}}']],
    { unit: 'Bps', stack: true },
  ),
  graph(
    'Sweeps',
    'Queries and documents checked a second, and those found behind, which should be 0 while Redis is up. No queries while documents are open: Postgres is away.',
    [
      [total(of('lengthwise_sweeps_total')), 'queries'],
      [total(of('lengthwise_swept_documents_total')), 'checked'],
      [total(of('lengthwise_swept_behind_total')), 'behind'],
    ],
    { unit: 'ops' },
  ),
  graph(
    'One sweep query, p99',
    'A sweep looks at up to 1,000 documents. Above a second: Postgres lacks memory for its indexes or is overloaded otherwise.',
    quantile(0.99, of('lengthwise_sweep_duration_seconds')),
    { unit: 's', warn: 1 },
  ),
  graph(
    'Subscriptions made again',
    'Times that a node’s connection to Redis was lost and its channels were subscribed again. Often: Redis restarts, or kills slow subscribers; its log says which. Runbook: LengthwiseResubscribing.',
    [
      [
        `sum by (instance) (increase(${of('lengthwise_resubscriptions_total')}[$__range]))`,
        '{{instance}}',
      ],
    ],
    { decimals: 0 },
  ),
  graph(
    'Channels subscribed again',
    'Of those connections, a second. As many as there are documents open, at once; less than that, or for minutes: Redis is slow to take them.',
    [[total(of('lengthwise_resubscribed_channels_total'), 'instance'), '{{instance}}']],
    { unit: 'ops' },
  ),
  graph(
    'Sessions caught up',
    'Sessions a second given bytes from the log: `join` when they come, `behind` when they had been paused or were too slow.',
    [[total(of('lengthwise_catch_ups_total'), 'cause'), '{{cause}}']],
    { unit: 'ops' },
  ),
]

const documents = [
  graph(
    'Conflict ratio',
    'Of appends that were stored or refused. A hot document shows as many conflicts from memory: they cost no statement. Above half for long: runbook LengthwiseConflictsHigh.',
    [
      [conflicts('conflict|conflict_memory'), 'all'],
      [conflicts('conflict'), 'told by Postgres'],
    ],
    { unit: 'percentunit', warn: 0.5 },
  ),
  graph(
    'Appends that share a statement',
    'The mean. 1 to 3 when there is little to do; more under load, which is how the cluster commits more than single statements could.',
    mean(of('lengthwise_append_statement_appends')),
    { decimals: 1 },
  ),
  graph(
    'Rows that somebody held',
    'Appends a second whose document was locked and which went alone. A steady rate: one document is hot, or something else (a backup tool, an open transaction in psql) holds rows.',
    total(of('lengthwise_appends_busy_total')),
    { unit: 'ops' },
  ),
  graph(
    'Where pages come from',
    'Pages of documents read for joins: from memory, from a read under way, from Postgres. Mostly `store` with many joins: raise CACHE_BYTES.',
    [[total(of('lengthwise_pages_total'), 'source'), '{{source}}']],
    { unit: 'ops', stack: true },
  ),
  graph(
    'Ephemeral messages',
    'Cursors and the like: never stored. `dropped` were for paused sessions, or while Redis was away.',
    [[total(of('lengthwise_ephemeral_messages_total'), 'what'), '{{what}}']],
    { unit: 'ops' },
  ),
  graph(
    'Keys set',
    '`refused` lost against another version: normal. `failed` could not be stored: Postgres.',
    [[total(of('lengthwise_key_sets_total'), 'outcome'), '{{outcome}}']],
    { unit: 'ops' },
  ),
]

function conflicts(outcomes) {
  const appends = (some) => of('lengthwise_appends_total', `outcome=~"${some}"`)
  return share(appends(outcomes), appends('conflict|conflict_memory|stored'))
}

export const documentsAndFanOut = () =>
  makeDashboard(
    'documents',
    'Documents and fan-out',
    'How changes get from one node to the others, what was missed on the way and how it was repaired.',
    [
      ['Fan-out', fanOut],
      ['Missed and repaired', repairs],
      ['Documents', documents],
    ],
  )
