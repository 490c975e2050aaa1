import { chromiumPath } from './chromium.ts'
import { hasEngine } from './containers.ts'
import { hasPrometheus } from './prometheus.ts'
import { hasPooler } from './pooler.ts'
import { hasReverseProxies } from './reverseProxies.ts'
import { hasK6 } from './k6.ts'
import { hasPgDump, hasRedisServer } from './servers.ts'

/** What tests may have to do without: what their file calls it, and whether it is here. */
interface Need {
  readonly word: RegExp
  readonly isHere: () => boolean
  readonly reason: string
}

const needs: readonly Need[] = [
  {
    word: /\bchromiumPath\b/,
    isHere: () => chromiumPath !== undefined,
    reason: 'no Chromium was found (CHROMIUM_PATH names one)',
  },
  {
    word: /\bredisUrl\b|\bhasRedis\b/,
    isHere: () => process.env.LENGTHWISE_TEST_REDIS !== 'none',
    reason: 'no Redis was found (REDIS_URL names one)',
  },
  {
    word: /\bhasRedisServer\b/,
    isHere: hasRedisServer,
    reason: 'no redis-server is on the PATH',
  },
  {
    word: /\bhasPgDump\b/,
    isHere: () => hasPgDump,
    reason: 'no pg_dump and pg_restore are on the PATH',
  },
  {
    word: /\bhasPrometheus\b/,
    isHere: () => hasPrometheus,
    reason: 'no prometheus and promtool are on the PATH',
  },
  {
    word: /\bhasCompose\b/,
    // A file with tests that were skipped is what asks.
    isHere: () => false,
    reason: 'no container engine with docker compose answers',
  },
  {
    word: /\bhasReverseProxies\b/,
    isHere: () => hasReverseProxies,
    reason: 'one of nginx, apache2 and haproxy is not installed',
  },
  {
    word: /\bhasPooler\b/,
    isHere: () => hasPooler,
    reason: 'no pgbouncer is installed',
  },
  {
    word: /\bhasEngine\b/,
    isHere: hasEngine,
    reason: 'no container engine answers (DOCKER_HOST names one)',
  },
  {
    word: /\bhasK6\b/,
    isHere: () => hasK6,
    reason: 'no k6 was found (`node loadtest/load.mjs k6` builds one with Go)',
  },
]

/** Why some tests of a file with this source do not run here; '' when nothing is known to be missing. */
export function reasonFor(source: string, all: readonly Need[] = needs): string {
  const conditions = [...source.matchAll(/\bskipIf\(([^\n]*)/g)].map(
    ([, condition = '']) => condition,
  )
  return all
    .filter(({ word, isHere }) => conditions.some((one) => word.test(one)) && !isHere())
    .map(({ reason }) => reason)
    .join(', ')
}
