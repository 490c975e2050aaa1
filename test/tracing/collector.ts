/** A collector of spans: OTLP over HTTP with JSON, as small as it gets. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SpanSeen {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly links: readonly { traceId: string; spanId: string }[]
  readonly attributes: Readonly<Record<string, unknown>>
  /** `service.name` and `service.instance.id`. */
  readonly service: string
  readonly instance: string
  /** Milliseconds since 1970. */
  readonly began: number
  readonly ended: number
  readonly isFailed: boolean
}

export interface Collector extends AsyncDisposable {
  readonly url: string
  readonly spans: SpanSeen[]
  readonly requests: { readonly headers: Readonly<Record<string, unknown>> }[]
  /** From now on it takes requests and answers none. */
  stall(): void
  [Symbol.asyncDispose](): Promise<void>
}

interface Value {
  stringValue?: string
  intValue?: number | string
  doubleValue?: number
  boolValue?: boolean
}
type Pairs = { key: string; value: Value }[]

const plain = (pairs: Pairs = []): Record<string, unknown> =>
  Object.fromEntries(
    pairs.map(({ key, value }) => [
      key,
      value.stringValue ??
        value.boolValue ??
        value.doubleValue ??
        (value.intValue === undefined ? undefined : Number(value.intValue)),
    ]),
  )

export async function startCollector(): Promise<Collector> {
  const spans: SpanSeen[] = []
  const requests: { headers: Record<string, unknown> }[] = []
  let isStalled = false
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      requests.push({ headers: request.headers })
      if (isStalled) return
      spans.push(...spansIn(JSON.parse(Buffer.concat(parts).toString()) as Body))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    stall: () => void (isStalled = true),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** As much of the wire's shape as is looked at. */
interface Body {
  resourceSpans: {
    resource: { attributes: Pairs }
    scopeSpans: { spans: WireSpan[] }[]
  }[]
}
interface WireSpan {
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  links?: { traceId: string; spanId: string }[]
  attributes: Pairs
  startTimeUnixNano: string
  endTimeUnixNano: string
  status?: { code?: number }
}

function spansIn(body: Body): SpanSeen[] {
  return body.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const of = plain(resource.attributes)
    const spans = scopeSpans.flatMap((scope) => scope.spans)
    return spans.map(({ name, traceId, spanId, parentSpanId = '', links = [], ...span }) => ({
      ...{ name, traceId, spanId, parentSpanId, links },
      attributes: plain(span.attributes),
      service: String(of['service.name']),
      instance: String(of['service.instance.id']),
      began: Number(span.startTimeUnixNano) / 1e6,
      ended: Number(span.endTimeUnixNano) / 1e6,
      isFailed: span.status?.code === 2,
    }))
  })
}
