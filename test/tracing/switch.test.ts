import { expect, test } from 'vitest'
import { startTracing, isTracingWanted, tracingSecrets } from '../../src/tracing.ts'

const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318'

test.each([
  [{}, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, false],
  [{ OTEL_SERVICE_NAME: 'lengthwise', OTEL_TRACES_SAMPLER: 'always_on' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT }, false],
  [{ OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT }, false],
  [{ OTEL_SDK_DISABLED: 'no', OTEL_EXPORTER_OTLP_ENDPOINT }, true],
])('tracing with %o: %s', (env, isWanted) => {
  expect(isTracingWanted(env)).toBe(isWanted)
})

test('an exporter or a protocol that is not ours is told in the log, and the node serves without tracing', async () => {
  const told: object[] = []
  const say = (fields: object) => void told.push(fields)
  const log = { debug: say, info: say, warn: say, error: say }
  for (const more of [
    { OTEL_TRACES_EXPORTER: 'zipkin' },
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
  ]) {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT, ...more }
    expect(await startTracing({ env, log, version: '1', node: 'n' })).toBeUndefined()
  }
  expect(told).toMatchObject([{ exporter: 'zipkin' }, { protocol: 'grpc' }])
})

test('what the headers for the collector hold counts as secret, encoded or not', () => {
  const OTEL_EXPORTER_OTLP_HEADERS = 'api-key=a%20b=,x=plain'
  expect(tracingSecrets({ OTEL_EXPORTER_OTLP_HEADERS })).toEqual([
    'a%20b=',
    'a b=',
    'plain',
    'plain',
  ])
})
