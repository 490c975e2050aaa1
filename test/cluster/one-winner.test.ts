import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { checkHistory } from '../support/history.ts'
import { seededRandom } from '../support/random.ts'
import { isLarge, limitMs, troubleMs } from '../support/scale.ts'
import { readStored } from '../support/stored.ts'
import { sleep, until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const { redisUrl } = inject('services')
const SECONDS = 8
const ROUNDS = isLarge ? 2_000 : 150

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(3)
})
afterAll(() => cluster[Symbol.asyncDispose]())

test.skipIf(!redisUrl)(
  '[I3] [zwibbler 18.3] of six appends at one length through three nodes, exactly one is acknowledged',
  { timeout: limitMs(30) },
  async () => {
    const rivals = await Promise.all(
      [0, 1, 2, 0, 1, 2].map((at) => connectZwibbler(cluster.nodes[at]!.url, 'race').joined()),
    )
    let length = 0
    let text = ''
    for (let round = 0; round < ROUNDS; round++) {
      const sent = rivals.map((_, index) => `<${round}.${index}>`)
      const answers = await Promise.all(
        rivals.map((rival, index) => rival.append(sent[index]!, length)),
      )
      const winners = sent.filter((_, index) => answers[index]?.kind === 'stored')
      expect(winners, `round ${round}`).toHaveLength(1)
      text += winners[0]!
      length = text.length
      // A loser is told the length as it is now.
      for (const answer of answers) expect(answer).toMatchObject({ length })
      await until('everybody has it', () => rivals.every(({ position }) => position === length))
    }
    expect(Buffer.from(await readStored(cluster.databaseUrl, 'race')).toString()).toBe(text)
    for (const rival of rivals) {
      expect(rival.text()).toBe(text)
      await rival[Symbol.asyncDispose]()
    }
  },
)

test('[I3] empty appends at one length do not exclude each other, and change nothing', async () => {
  const rivals = await Promise.all(
    [0, 1, 2].map((at) => connectZwibbler(cluster.nodes[at]!.url, 'empty').joined()),
  )
  const answers = await Promise.all(rivals.map((rival) => rival.append('', 0)))
  expect(answers).toEqual(rivals.map(() => ({ kind: 'stored', length: 0 })))
  expect(await rivals[0]!.append('', 5)).toEqual({ kind: 'refused', length: 0 })
  expect(await readStored(cluster.databaseUrl, 'empty')).toHaveLength(0)
  for (const rival of rivals) await rival[Symbol.asyncDispose]()
})

test.skipIf(!redisUrl)(
  '[I3] accepted ranges tile a document that twelve writers fight over',
  { timeout: limitMs(SECONDS) },
  async () => {
    const random = seededRandom('one winner')
    const workload = startWorkload({
      ...cluster,
      random,
      documents: ['hot'],
      writers: 12,
      thinkMs: [0, 5],
    })
    await sleep(troubleMs(SECONDS))
    const history = await workload.finish()
    expect(checkHistory(history)).toEqual([])
    const refused = history.attempts.filter(({ outcome }) => outcome === 'refused')
    expect(refused.length).toBeGreaterThan(100)
    expect(workload.acknowledged()).toBeGreaterThan(100)
    // With nothing wrong, nothing goes unanswered.
    expect(history.attempts.filter(({ outcome }) => outcome === 'unanswered')).toEqual([])
  },
)
