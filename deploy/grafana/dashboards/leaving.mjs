/** Of one node: whether it takes clients, whether it leaves, whether the others know that it lives. */
import { graph } from '../panels.mjs'
import { max, of, sum } from '../queries.mjs'

export const leaving = [
  graph(
    'Not ready, by reason',
    '1 while this keeps it from taking new connections. `postgres_away` on this node alone: its network, or max_connections; drain it.',
    [[max(of('lengthwise_not_ready'), 'reason'), '{{reason}}']],
    { decimals: 0 },
  ),
  graph(
    'Drain: phase',
    'Which phase it is in. `noticing`: load balancers learn that it leaves; `closing`: connections are closed in small groups; `finishing`: what is under way ends.',
    [[max(of('lengthwise_drain_phase'), 'phase'), '{{phase}}']],
    { decimals: 0, stack: true },
  ),
  graph(
    'Drain: connections left',
    'Still to be closed; a straight line down to 0 within DRAIN_MS. `cut` did not go in time.',
    [
      [sum(of('lengthwise_drain_connections_left')), 'left'],
      [sum(of('lengthwise_drain_cut_connections_total')), 'cut'],
    ],
    { decimals: 0 },
  ),
  graph(
    'Drain: time',
    'Since it began to leave, beside the longest that this may take: DRAIN_NOTICE_MS, DRAIN_MS and 15 s. Beyond: runbook LengthwiseDrainStuck.',
    [
      [max(of('lengthwise_drain_age_seconds')), 'leaving'],
      [max(of('lengthwise_drain_limit_seconds')), 'at most'],
    ],
    { unit: 's' },
  ),
  graph(
    'Lease',
    'Seconds since it told Postgres that it lives. A saw-tooth up to a third of LEASE_MS; at LEASE_MS the others take it for dead. Runbook: LengthwiseLeaseLapsing.',
    [
      [max(of('lengthwise_lease_age_seconds')), 'age'],
      [max(of('lengthwise_lease_limit_seconds')), 'at most'],
    ],
    { unit: 's' },
  ),
  graph(
    'Nodes that it sees',
    'Nodes with a lease, as it saw them last (each worker is one). Different on different nodes for long: one of them does not read what the others write, which is another database.',
    max(of('lengthwise_nodes_alive')),
    { decimals: 0 },
  ),
  graph(
    'Threads',
    'Threads that serve sockets, and those that did not answer in time. Any late for minutes: runbook LengthwiseWorkerStuck.',
    [
      [max(of('lengthwise_workers')), 'threads'],
      [max(of('lengthwise_workers_late')), 'late'],
    ],
    { decimals: 0 },
  ),
]
