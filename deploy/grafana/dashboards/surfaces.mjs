/** The protocols that clients speak. */
import { doors } from './doors.mjs'
import { graph, makeDashboard, stat } from '../panels.mjs'
import { of, ofSurface, quantile, sum, total } from '../queries.mjs'

const stored = ofSurface('lengthwise_append_duration_seconds', 'outcome="stored"')

const all = [
  graph(
    'Changes stored by surface',
    'Appends a second. A surface that stops while the others go on: its path is blocked in the proxy, or its authentication fails; see "Protocol errors".',
    [[total(ofSurface('lengthwise_appends_total', 'outcome="stored"'), 'surface'), '{{surface}}']],
    { unit: 'ops', stack: true },
  ),
  graph(
    'Author waits, p99 by surface',
    'From arrival to acknowledgement (yjs: to the echo). One surface much slower than the other: large messages; both: Postgres or the nodes.',
    [[quantile(0.99, stored, 'surface'), '{{surface}}']],
    { unit: 's', warn: 0.25 },
  ),
  graph(
    'Changes not stored by surface',
    'For the cluster’s fault (`unavailable`, `unknown`) or for lack of a right (`denied`) or because the document is gone (`missing`). Many `denied` after a release of your application: its tokens have changed.',
    [
      [
        total(
          ofSurface('lengthwise_appends_total', 'outcome=~"unavailable|unknown|denied|missing"'),
          'surface, outcome',
        ),
        '{{surface}} {{outcome}}',
      ],
    ],
    { unit: 'ops' },
  ),
  graph(
    'Opening waits, p99 by surface',
    'From the wish to open a document to its contents. High for yjs alone: long logs, see "Folds". For both: Postgres.',
    [
      [
        quantile(
          0.99,
          ofSurface('lengthwise_join_duration_seconds', 'outcome="joined"'),
          'surface',
        ),
        '{{surface}}',
      ],
    ],
    { unit: 's', warn: 1 },
  ),
  graph(
    'Opening, by outcome',
    '`refused` is by right; `abandoned` left before it was there (much of it: people do not want to wait); `failed` is the cluster’s fault, runbook LengthwiseJoinsFailing.',
    [[total(ofSurface('lengthwise_join_duration_seconds_count'), 'outcome'), '{{outcome}}']],
    { unit: 'ops' },
  ),
  graph(
    'Sessions by surface',
    'Clients on documents. A step down of one surface alone: its clients cannot connect any more.',
    [[sum(ofSurface('lengthwise_sessions'), 'surface'), '{{surface}}']],
    { decimals: 0, stack: true },
  ),
  graph(
    'From clients',
    'Bytes a second that clients sent. Sudden and large: one client that sends too much; MAX_MESSAGES and MAX_APPEND are there for it.',
    [[total(ofSurface('lengthwise_received_bytes_total'), 'surface'), '{{surface}}']],
    { unit: 'Bps', stack: true },
  ),
  graph(
    'To clients',
    'Bytes a second of others’ changes given to sessions live.',
    [[total(ofSurface('lengthwise_delivered_bytes_total'), 'surface'), '{{surface}}']],
    { unit: 'Bps', stack: true },
  ),
  graph(
    'Messages from clients',
    'A second. Many more than changes stored: cursors and the like, or a client that asks again and again.',
    [[total(ofSurface('lengthwise_received_messages_total'), 'surface'), '{{surface}}']],
    { unit: 'ops', stack: true },
  ),
  graph(
    'Changes delivered',
    'Others’ changes a second given to sessions live: with n people on a document, each is given n - 1 times. None while changes are stored: nobody is live, see "Repairs by cause".',
    [[total(ofSurface('lengthwise_delivered_messages_total'), 'surface'), '{{surface}}']],
    { unit: 'ops', stack: true },
  ),
  graph(
    'Protocol errors',
    'Errors told to clients, by code. Codes of authentication (4401, 4403 …) rising: keys or the hook; sizes: a client sends too much; anything else at a rate: a client that does not speak the protocol. Runbook: LengthwiseProtocolErrors.',
    [
      [
        total(ofSurface('lengthwise_protocol_errors_total'), 'surface, code'),
        '{{surface}} {{code}}',
      ],
    ],
    { unit: 'ops' },
  ),
  graph(
    'Limits hit',
    'By the name of the setting. Find out who: with LOG_LEVEL=debug the log says whose connections. Raise the limit if they are ordinary. Runbook: LengthwiseLimitsHit.',
    [[total(of('lengthwise_limits_hit_total'), 'limit'), '{{limit}}']],
    { unit: 'ops' },
  ),
  graph(
    'Slow readers',
    'Times a second that a session was paused because its client reads too slowly, and how many are paused now.',
    [
      [total(of('lengthwise_sessions_paused_total')), 'paused a second'],
      [sum(of('lengthwise_sessions_paused')), 'paused now'],
    ],
  ),
]

const yjs = [
  stat(
    'Rooms open',
    'Yjs rooms, per node counted. Memory follows their number and size.',
    sum(of('lengthwise_yjs_rooms')),
    { decimals: 0 },
  ),
  stat(
    'Waiting for a thread',
    'Folds and large updates that wait for a worker thread. More than some for long: the threads cannot keep up, joins get slower. Runbook: LengthwiseFoldsWaiting.',
    sum(of('lengthwise_yjs_tasks_waiting')),
    { decimals: 0, warn: 50, bad: 500 },
  ),
  stat(
    'Records put aside',
    'Since the nodes started. Runbook: LengthwiseRecordsQuarantined.',
    sum(of('lengthwise_quarantined_records_total')),
    { decimals: 0, bad: 1 },
  ),
  graph(
    'Folds',
    'Rooms a second whose log was made shorter: `minor` join updates, `major` go through a document and drop what was deleted. None for hours with much editing: see the log for the reason, joins get slower and slower.',
    [[total(of('lengthwise_folds_total'), 'kind'), '{{kind}}']],
    { unit: 'ops', width: 12 },
  ),
  graph(
    'One fold, p99',
    'From reading to storing. Seconds are normal for rooms of many megabytes; it happens in threads of its own and holds nobody up.',
    [[quantile(0.99, of('lengthwise_fold_duration_seconds'), 'kind'), '{{kind}}']],
    { unit: 's' },
  ),
  graph(
    'Fold: read and written',
    'Bytes a second that folds read and wrote. The difference is what Postgres is spared.',
    [[total(of('lengthwise_fold_bytes_total'), 'what'), '{{what}}']],
    { unit: 'Bps' },
  ),
  graph(
    'Awareness',
    'Cursor messages a second given to connections: with n people in a room, each movement is told n times. Too much: YJS_MAX_AWARENESS_MESSAGES.',
    total(of('lengthwise_awareness_messages_total')),
    { unit: 'ops' },
  ),
  graph(
    'Said again by clients',
    'Updates that held nothing new, as of clients that reconnect: a burst after a rollout is normal. Steady: clients reconnect all the time, usually an idle limit of a proxy below KEEP_ALIVE_MS.',
    total(of('lengthwise_redundant_updates_total')),
    { unit: 'ops' },
  ),
  graph(
    'Looked at apart',
    'Large updates a second that were checked in a thread of their own, so that nobody waits for them.',
    total(of('lengthwise_updates_checked_apart_total')),
    { unit: 'ops' },
  ),
]

export const surfaces = () =>
  makeDashboard(
    'surfaces',
    'Surfaces',
    'What clients experience, by the protocol that they speak.',
    [
      ['All surfaces', all],
      ['Connections and authentication', doors],
      ['Yjs rooms', yjs],
    ],
    { surfaces: true },
  )
