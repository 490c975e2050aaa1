import { expect, test } from 'vitest'
import { watchPostgres } from '../../src/worker/health.ts'
import { until } from '../support/wait.ts'

test('one failed ping is a lost connection, two are Postgres away, one answer is Postgres back', async () => {
  const answers = ['fails', 'works', 'fails', 'fails', 'fails', 'works']
  const seen: (string | undefined)[] = []
  const watch = watchPostgres(() => {
    seen.push(watch.failure)
    const answer = answers.shift()
    return answer === 'fails' ? Promise.reject(new Error('gone')) : Promise.resolve()
  }, 5)
  await until('all are asked', () => seen.length > 7)
  watch.stop()
  expect(seen.slice(0, 7)).toEqual([...Array<undefined>(4), 'gone', 'gone', undefined])
})

test('a ping that is not answered is Postgres away, and no more pings pile up behind it', async () => {
  let pings = 0
  let answer: () => void = () => undefined
  const watch = watchPostgres(() => {
    pings += 1
    return pings > 1 ? Promise.resolve() : new Promise<void>((resolve) => (answer = resolve))
  }, 5)
  await until('it is noticed', () => watch.failure !== undefined)
  expect(pings).toBe(1)
  answer()
  await until('it is over', () => watch.failure === undefined)
  watch.stop()
})
