/** Who comes in, who is turned away, and what your application is asked and told. */
import { graph } from '../panels.mjs'
import { of, ofSurface, quantile, sum, total } from '../queries.mjs'

export const doors = [
  graph(
    'Connections opened and refused',
    'Handshakes a second. `origin`: a page from elsewhere (ALLOWED_ORIGINS); `surface`: authentication; MAX_…: limits; `malformed`: not our clients; `draining`: the load balancer sends to a node that leaves.',
    [
      [total(ofSurface('lengthwise_connections_accepted_total')), 'opened'],
      [total(ofSurface('lengthwise_connections_refused_total'), 'reason'), '{{reason}}'],
    ],
    { unit: 'ops' },
  ),
  graph(
    'Connections closed, by whom and code',
    '`client 1001` closes a tab, `client 1006` is cut off: many of these at one time are a proxy that was reloaded, all the time an idle limit below KEEP_ALIVE_MS. `server 1012` is a rollout, `server 1013` overload or no Postgres.',
    [[total(ofSurface('lengthwise_connections_closed_total'), 'by, code'), '{{by}} {{code}}']],
    { unit: 'ops' },
  ),
  graph(
    'Clients judged',
    'By authentication: `unauthenticated` has no good token, `forbidden` may not open this document, `unavailable`: your hook did not answer, nobody is let in. Runbooks: LengthwiseAuthUnavailable, LengthwiseAuthRefusing.',
    [[total(ofSurface('lengthwise_admissions_total'), 'outcome'), '{{outcome}}']],
    { unit: 'ops' },
  ),
  graph(
    'Questions for your hook',
    'Answered from the cache, shared with one under way, asked, or dropped because too many wait. Many `asked`: raise AUTH_CACHE_SECONDS.',
    [[total(of('lengthwise_auth_questions_total'), 'source'), '{{source}}']],
    { unit: 'ops' },
  ),
  graph(
    'Your hook answers, p99',
    'How long AUTH_HOOK_URL and AUTH_JWKS_URL take; everybody who comes waits for it. Nothing is shown while nobody is asked.',
    [
      [
        quantile(0.99, of('lengthwise_auth_request_duration_seconds'), 'to, result'),
        '{{to}} {{result}}',
      ],
    ],
    { unit: 's', warn: 0.5 },
  ),
  graph(
    'Rights taken away',
    'Changes of rights told to open connections. A burst that nobody has meant: your hook answers wrongly.',
    [[total(ofSurface('lengthwise_permission_changes_total'), 'change'), '{{change}}']],
    { unit: 'ops' },
  ),
  graph(
    'Telling your application',
    'Callbacks and webhooks a second: `retried` comes again, `given_up` does not (until the document changes again). Runbook: LengthwiseCallbacksGivenUp.',
    [
      [
        total(ofSurface('lengthwise_callbacks_total'), 'surface, outcome'),
        '{{surface}} {{outcome}}',
      ],
    ],
    { unit: 'ops' },
  ),
  graph(
    'Your application takes, p99',
    'One attempt to tell it. At YJS_CALLBACK_TIMEOUT_MS it is given up and tried again.',
    [[quantile(0.99, ofSurface('lengthwise_callback_duration_seconds'), 'surface'), '{{surface}}']],
    { unit: 's' },
  ),
  graph(
    'Not joined yet',
    'Connections that are open and have not joined a document. Growing: clients connect and say nothing (HANDSHAKE_MS ends them), or joins wait for Postgres.',
    sum(of('lengthwise_connections_handshaking')),
    { decimals: 0 },
  ),
]
