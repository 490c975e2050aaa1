/** A collector of spans: OTLP over HTTP, as small as it gets. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readBody } from './otlp.ts'
import type { Body, Pairs } from './otlp.ts'

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
      const type = request.headers['content-type']
      spans.push(...spansIn(readBody(type, Buffer.concat(parts))))
      // An answer without fields; of JSON this would be `{}`, and nobody reads it.
      response.writeHead(200, { 'content-type': type }).end()
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
