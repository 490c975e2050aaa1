/** Postgres and Redis as the nodes see them; their own exporters see what happens inside. */
import { graph, makeDashboard } from '../panels.mjs'
import { max, of, quantile, share, sum, total } from '../queries.mjs'

const statement = of('lengthwise_append_statement_duration_seconds', 'result="committed"')

const postgres = [
  graph(
    'One append statement',
    'With its commit, which waits for the disk (and for the synchronous standby). Rising for all nodes: Postgres’ disk, locks, checkpoints, vacuum; look at pg_stat_activity’s wait events. For one node: its network.',
    [0.5, 0.9, 0.99].map((q) => [quantile(q, statement), `p${q * 100}`]),
    { unit: 's', warn: 0.25 },
  ),
  graph(
    'Statement by node, p99',
    'The same, to see whether one node alone is far away from Postgres.',
    [[quantile(0.99, statement, 'instance'), '{{instance}}']],
    { unit: 's', warn: 0.25 },
  ),
  graph(
    'Append statements by result',
    '`committed` is normal. `lost`: the connection broke, the node finds out what became of them. `retry`: deadlock, failover, cancelled; sent again. `rejected`: Postgres refused, the culprit alone gets the error; its log says why. Runbook: LengthwiseStatementsLost.',
    [[total(of('lengthwise_append_statements_total'), 'result'), '{{result}}']],
    { unit: 'ops' },
  ),
  graph(
    'Waiting for a connection, p99',
    'By lane: `appends`, `alone` (rows somebody holds), `reads` (joins, catch-up), `others`. Above some milliseconds the lane is too narrow for the load, or Postgres slow: first look at the statement time. Then raise DATABASE_CONNECTIONS, and mind max_connections. Runbook: LengthwisePostgresWaiting.',
    [[quantile(0.99, of('lengthwise_postgres_wait_seconds'), 'lane'), '{{lane}}']],
    { unit: 's', warn: 0.1 },
  ),
  graph(
    'Connections in use, of those allowed',
    'By lane, in the fullest node. At 1 everything waits: see the panels beside. Short peaks are well.',
    [
      [
        `max by (lane) (${of('lengthwise_postgres_connections_in_use')} / ${of('lengthwise_postgres_connections_limit')})`,
        '{{lane}}',
      ],
    ],
    { unit: 'percentunit' },
  ),
  graph(
    'Connections of all nodes',
    'What counts towards max_connections of Postgres: `open` now, `limit` at most. Keep max_connections above the limit, with some for yourself.',
    [
      [sum(of('lengthwise_postgres_connections')), 'open'],
      [sum(of('lengthwise_postgres_connections_limit')), 'limit'],
    ],
    { decimals: 0 },
  ),
  graph(
    'One use of a connection, p99',
    'A statement or a transaction, by lane. `reads` high: large documents, or a cache too small; `others` are sweeps, leases, folds, purges.',
    [[quantile(0.99, of('lengthwise_postgres_use_seconds'), 'lane'), '{{lane}}']],
    { unit: 's' },
  ),
  graph(
    'Errors by lane',
    'Statements a second that failed: `away`, `lost`, `retry`, `rejected`. Runbooks: LengthwisePostgresUnreachable, LengthwiseStatementsLost, LengthwiseStatementsRejected.',
    [[total(of('lengthwise_postgres_errors_total'), 'lane, code'), '{{lane}} {{code}}']],
    { unit: 'ops' },
  ),
  graph(
    'Leases renewed',
    'Renewals a second: `failed` did not reach Postgres, `removed` found that the others had taken the node for dead. Runbook: LengthwiseLeaseLapsed.',
    [[total(of('lengthwise_lease_renewals_total'), 'result'), '{{result}}']],
    { unit: 'ops' },
  ),
  graph(
    'Nodes taken for dead',
    'Nodes whose lease had lapsed, in the time shown. As many as were killed; more: nodes that cannot reach Postgres in time.',
    `sum(increase(${of('lengthwise_lapsed_nodes_removed_total')}[$__range]))`,
    { decimals: 0 },
  ),
  graph(
    'Statements waiting now',
    'Statements without a connection, by node. They pile up within seconds when Postgres is away; bounded, then appends are refused.',
    [[sum(of('lengthwise_postgres_waiting'), 'instance'), '{{instance}}']],
    { decimals: 0 },
  ),
  graph(
    'Appends in doubt',
    'Commits cut off, and what had become of them. Any at all: connections to Postgres break. `unknown` could not be found out in time: LengthwiseAppendsInDoubt.',
    [
      [
        `sum by (resolved) (increase(${of('lengthwise_appends_in_doubt_total')}[$__range]))`,
        '{{resolved}}',
      ],
    ],
    { decimals: 0 },
  ),
  graph(
    'Waiting bytes',
    'Bytes of appends that wait. A node refuses more at 32 MiB.',
    [[sum(of('lengthwise_append_queue_bytes'), 'instance'), '{{instance}}']],
    { unit: 'bytes' },
  ),
  graph(
    'Statements spared',
    'Share of conflicts told from memory, without asking Postgres. Low with a high conflict ratio: writers on different nodes fight for a document.',
    share(
      of('lengthwise_appends_total', 'outcome="conflict_memory"'),
      of('lengthwise_appends_total', 'outcome=~"conflict|conflict_memory"'),
    ),
    { unit: 'percentunit' },
  ),
  graph(
    'Read for joins and catch-up',
    'Bytes of pages a second that Postgres had to give.',
    total(of('lengthwise_page_bytes_total', 'source="store"')),
    { unit: 'Bps' },
  ),
]

const redis = [
  graph(
    'Hears Redis',
    '1 is yes. At 0 the node serves on without: changes of other nodes come with the sweep, a second or so later. Runbook: LengthwiseRedisDown.',
    [[of('lengthwise_redis_up'), '{{instance}}']],
    { decimals: 0 },
  ),
  graph(
    'Probe heard',
    'Seconds since the last of its own probes came back, at the slowest connection. A saw-tooth of some seconds is well; growing is deaf. Runbook: LengthwiseSubscriberDeaf.',
    [[max(of('lengthwise_redis_probe_age_seconds'), 'instance'), '{{instance}}']],
    { unit: 's', warn: 10 },
  ),
  graph(
    'Connections to Redis, by state',
    '`up` hears its probes, `deaf` is connected and hears nothing, `down` is not connected. With Redis Cluster one for each of its servers.',
    [[sum(of('lengthwise_redis_servers'), 'status'), '{{status}}']],
    { decimals: 0, stack: true },
  ),
  graph(
    'Connecting to Redis',
    'Connections made and attempts that failed, a second. Steady: Redis is away, or refuses (password, maxclients).',
    [[total(of('lengthwise_redis_connects_total'), 'result'), '{{result}}']],
    { unit: 'ops' },
  ),
  graph(
    'Waiting for Redis',
    'Bytes published that Redis has not answered yet. Growing: it is too slow; bounded, then messages are dropped and found by the sweep.',
    [[sum(of('lengthwise_redis_publish_waiting_bytes'), 'instance'), '{{instance}}']],
    { unit: 'bytes' },
  ),
  graph(
    'Not published',
    'Messages a second that Redis did not take: `away`, too slow (`full`) or refused. Runbook: LengthwisePublishesLost.',
    [[total(of('lengthwise_redis_publish_lost_total'), 'why'), '{{why}}']],
    { unit: 'ops' },
  ),
  graph(
    'Subscriptions made again',
    'Times that a node had to subscribe again, in the time shown. Runbook: LengthwiseResubscribing.',
    [
      [
        `sum by (instance) (increase(${of('lengthwise_resubscriptions_total')}[$__range]))`,
        '{{instance}}',
      ],
    ],
    { decimals: 0 },
  ),
  graph(
    'Channels heard',
    'Channels that all nodes together have subscribed to. Redis needs some hundred bytes for each.',
    sum(of('lengthwise_redis_channels')),
    { decimals: 0 },
  ),
]

export const backends = () =>
  makeDashboard(
    'backends',
    'Postgres and Redis',
    'Postgres and Redis as the nodes see them. Without Postgres nothing is stored; without Redis everything still works, only later.',
    [
      ['Postgres', postgres],
      ['Redis', redis],
    ],
  )
