/**
 * OpenTelemetry, switched on by its standard variables (deploy/docs/tracing.md). While they do not ask for it, nothing of it
 * is loaded.
 */
import type { Log } from './core/log.ts'
import type { Tracer } from './core/tracer.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Tracing {
  readonly tracer: Tracer
  /** Sends what waits, for a moment at most: a collector that does not answer keeps no node. Never rejects. */
  close(): Promise<void>
}

export interface TracingOptions {
  readonly env: Environment
  readonly log: Log
  readonly version: string
  /** Name of this node, `service.instance.id`. */
  readonly node: string
}

/** Whether the variables ask for it: an endpoint or an exporter is named, and nothing switches it off. */
export function isTracingWanted(env: Environment): boolean {
  const exporter = env.OTEL_TRACES_EXPORTER?.trim() ?? ''
  const isOff = env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true' || exporter === 'none'
  const isNamed = [
    exporter,
    env.OTEL_EXPORTER_OTLP_ENDPOINT,
    env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
  ].some((value) => value !== undefined && value.trim() !== '')
  return isNamed && !isOff
}

/** The standard's variables only; for the log, which must not tell what is in their headers. */
export function tracingSecrets(env: Environment): string[] {
  const headers = [env.OTEL_EXPORTER_OTLP_HEADERS, env.OTEL_EXPORTER_OTLP_TRACES_HEADERS]
  return headers
    .flatMap((list) => (list ?? '').split(','))
    .map((pair) => pair.slice(pair.indexOf('=') + 1).trim())
    .flatMap((value) => [value, decoded(value)])
    .filter((value) => value !== '')
}

/** @returns undefined when nobody asks for it, or in a way that is not ours: the log says so, and the node serves */
export async function startTracing(options: TracingOptions): Promise<Tracing | undefined> {
  if (!isTracingWanted(options.env)) return undefined
  const { startOtel } = await import('./tracing/otel.ts')
  return startOtel(options)
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
