/** The `Tracer` port on OpenTelemetry's SDK, which reads its own variables: samplers, batches, limits, headers. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  diag,
  DiagLogLevel,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import type { Context, SpanContext } from '@opentelemetry/api'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Log } from '../core/log.ts'
import type { Span, SpanName, TraceParent, Tracer } from '../core/tracer.ts'
import type { Tracing, TracingOptions } from '../tracing.ts'

/** A node that leaves waits no longer for its collector. */
const CLOSE_MS = 2_000
/** A collector that is down fails with every batch. */
const COMPLAIN_EVERY_MS = 60_000

const exporters = {
  'http/json': () => new JsonExporter(),
  'http/protobuf': () => new ProtobufExporter(),
}

export function startOtel({ env, log, version, node }: TracingOptions): Tracing | undefined {
  const protocol =
    firstOf(env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, env.OTEL_EXPORTER_OTLP_PROTOCOL) ??
    'http/protobuf'
  const exporter = firstOf(env.OTEL_TRACES_EXPORTER) ?? 'otlp'
  if (exporter !== 'otlp' || !isKnown(protocol)) {
    log.warn(
      { exporter, protocol },
      'no tracing: only otlp over http/protobuf or http/json is known',
    )
    return undefined
  }
  diag.setLogger(complaints(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  const ours = { 'service.name': 'lengthwise', 'service.version': version }
  const resource = defaultResource()
    .merge(resourceFromAttributes({ ...ours, 'service.instance.id': node }))
    .merge(detectResources({ detectors: [envDetector] }))
  const processor = new BatchSpanProcessor(exporters[protocol]())
  // As many appends as a statement takes; the SDK's own default is half of that.
  const spanLimits = env.OTEL_SPAN_LINK_COUNT_LIMIT ? {} : { linkCountLimit: 256 }
  const provider = new BasicTracerProvider({ resource, spanLimits, spanProcessors: [processor] })
  log.info({ protocol }, 'tracing is on')
  return {
    tracer: makeTracer(provider, version),
    async close() {
      const closed = provider.shutdown().catch(() => undefined) // told by `diag`
      await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })])
    },
  }
}

const kinds: Readonly<Record<SpanName, SpanKind>> = {
  append: SpanKind.SERVER,
  commit: SpanKind.CLIENT,
  publish: SpanKind.PRODUCER,
  deliver: SpanKind.CONSUMER,
}

function makeTracer(provider: BasicTracerProvider, version: string): Tracer {
  const tracer = provider.getTracer('lengthwise', version)
  return {
    start(name, attributes, parent, links = []) {
      const linked = links.map((each) => ({ context: contextOf(each)! }))
      const options = { kind: kinds[name], attributes, links: linked }
      const span = tracer.startSpan(name, options, within(parent))
      if (!span.isRecording()) return undefined
      const started: Span = {
        parent: parentOf(span.spanContext()),
        end(more, failure) {
          if (more) span.setAttributes(more)
          if (failure !== undefined)
            span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
          span.end()
        },
      }
      return started
    },
  }
}

function within(parent: TraceParent | undefined): Context {
  const context = parent === undefined ? undefined : contextOf(parent)
  return context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT
}

function contextOf(parent: TraceParent): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = parent.split('-')
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED
  const context = { traceId, spanId, traceFlags, isRemote: true }
  return isSpanContextValid(context) ? context : undefined
}

function parentOf({ traceId, spanId, traceFlags }: SpanContext): TraceParent {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

const isKnown = (protocol: string): protocol is keyof typeof exporters =>
  Object.hasOwn(exporters, protocol)

const firstOf = (...values: (string | undefined)[]): string | undefined =>
  values.find((value) => value !== undefined && value.trim() !== '')?.trim()

function complaints(log: Log) {
  let quietUntil = 0
  const complain = (message: string): void => {
    if (performance.now() < quietUntil) return
    quietUntil = performance.now() + COMPLAIN_EVERY_MS
    log.warn({ reason: message.slice(0, 500) }, 'spans could not be sent')
  }
  const ignore = (): void => undefined
  return { error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore }
}
