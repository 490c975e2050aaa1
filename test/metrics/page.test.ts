import { expect, test } from 'vitest'
import { makeMetrics, type Figures } from '../../src/metrics.ts'
import { makePage } from '../../src/metrics/page.ts'
import { parseMetrics } from '../support/metrics.ts'

function worker() {
  const metrics = makeMetrics({ thread: 'worker' })
  let isLate = false
  return {
    meter: metrics.meter,
    late: (is: boolean) => (isLate = is),
    figures: (): Promise<Figures> => (isLate ? Promise.reject(new Error('late')) : metrics.read()),
    close: () => metrics.close(),
  }
}

test('a worker that does not answer is told of with what it said last: no counter goes back', async () => {
  const main = makeMetrics()
  const workers = [worker(), worker(), worker()]
  const page = makePage(main, workers)
  const read = async () => parseMetrics(await page.read())
  workers.forEach(({ meter }, i) => meter.append('yjs', 'stored', i))
  const before = await read()
  expect([before.of('appends_total'), before.of('workers'), before.of('workers_late')]).toEqual([
    3, 3, 0,
  ])
  workers[1]!.meter.append('yjs', 'stored', 1)
  workers[1]!.late(true)
  workers[2]!.meter.append('yjs', 'stored', 1)
  const during = await read()
  expect([during.of('appends_total'), during.of('workers_late'), page.late]).toEqual([4, 1, 1])
  workers[1]!.late(false)
  const after = await read()
  expect([after.of('appends_total'), after.of('workers_late')]).toEqual([5, 0])
  for (const each of [main, ...workers]) each.close()
})
