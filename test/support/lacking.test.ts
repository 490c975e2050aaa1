import { expect, test } from 'vitest'
import { reasonFor } from './lacking.ts'

const needs = (chromium: boolean, redis: boolean) => [
  { word: /\bchromiumPath\b/, isHere: () => chromium, reason: 'no Chromium' },
  { word: /\bredisUrl\b|\bhasRedis\b/, isHere: () => redis, reason: 'no Redis' },
]
const page = "describe.skipIf(!chromiumPath)('a page', () => {"
const nodes = "const { redisUrl } = inject('services')\ntest.skipIf(!redisUrl)(\n  'nodes', …"
const both = "describe.skipIf(!chromiumPath || !hasRedis)('pages on two nodes', () => {"
const root = "test.skipIf(!isRoot)('root', …)\nconst url = redisUrl"

test.each([
  ['Chromium', false, true, ['no Chromium', '', 'no Chromium', '']],
  ['Redis', true, false, ['', 'no Redis', 'no Redis', '']],
  ['both', false, false, ['no Chromium', 'no Redis', 'no Chromium, no Redis', '']],
  ['nothing', true, true, ['', '', '', '']],
])(
  'where %s is missing, files are given the reason that is theirs',
  (_, chromium, redis, reasons) => {
    const all = needs(chromium, redis)
    expect([page, nodes, both, root].map((source) => reasonFor(source, all))).toEqual(reasons)
  },
)
