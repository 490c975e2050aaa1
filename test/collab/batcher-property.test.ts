import { expect, test } from 'vitest'
import type { StoreErrorCode } from '../../src/core/errors.ts'
import { makeRandom, type Random, seededRandom } from '../support/random.ts'
import { type Asked, makeAppendBench, type TestDocument } from './support/appends.ts'

const RUNS = 25
const STEPS = 120
const errors: readonly StoreErrorCode[] = ['away', 'lost', 'retry', 'rejected']

interface Told {
  readonly document: TestDocument
  readonly offset: number
  readonly data: string
  readonly asked: Asked
}

const seeds = seededRandom('batcher')
const runs = Array.from({ length: RUNS }, () => seeds.between(0, 2 ** 31))

test.each(runs)(
  '[I2, I3, I4] whatever happens to statements, answers and log agree (seed %i)',
  async (seed) => {
    const random = makeRandom(seed)
    const bench = makeAppendBench({ lanes: { batches: random.between(1, 4), alone: 2 } })
    const documents = await bench.documents(random.between(1, 6))
    const told: Told[] = []
    for (let step = 0; step < STEPS; step += 1) {
      await disturb(bench, documents, random)
      for (let i = random.between(0, 6); i > 0; i -= 1) {
        const document = random.pick(documents)
        const offset = Math.max(
          0,
          expectedLength(document, told) + random.pick([0, 0, 0, 0, -2, 3]),
        )
        const data = random.chance(0.1) ? '' : `<${told.length}>`
        told.push({ document, offset, data, asked: bench.append(document, offset, data) })
      }
      await bench.pass(random.pick([0, 0, 1, 5, 60, 300]))
    }
    await bench.pass(15_000)
    for (const document of documents) await check(document, told, bench)
  },
)

type Bench = ReturnType<typeof makeAppendBench>

async function disturb(
  { faults, store }: Bench,
  documents: readonly TestDocument[],
  random: Random,
): Promise<void> {
  if (random.chance(0.15)) {
    const code = random.pick(errors)
    faults.failNext(code, { afterCommit: code === 'lost' && random.chance(0.5) })
  }
  if (random.chance(0.1)) {
    const unlock = faults.lock(random.pick(documents).epoch)
    setTimeout(unlock, random.between(1, 200))
  }
  if (random.chance(0.1)) {
    const { epoch } = random.pick(documents)
    const length = (await store.states([epoch])).get(epoch)!.length
    const chunks = [{ id: -1, data: Buffer.from('[other]') }]
    await store.append([{ epoch, expected: length, chunks }], false).catch(() => undefined)
  }
}

function expectedLength(document: TestDocument, told: readonly Told[]): number {
  const mine = told.filter((each) => each.document === document)
  const ends = mine
    .filter(({ asked }) => asked.result === undefined || asked.result.kind === 'stored')
    .map(({ offset, data }) => offset + data.length)
  return Math.max(document.known, ...ends)
}

async function check(
  document: TestDocument,
  all: readonly Told[],
  { store, settled }: Bench,
): Promise<void> {
  const told = all.filter((each) => each.document === document)
  const text = await document.text()
  for (const { asked, data, offset } of told) {
    const { result, id } = asked
    expect(result, 'every append is answered').toBeDefined()
    const at = data === '' ? -1 : text.indexOf(data)
    expect(text.indexOf(data, at + 1), 'stored at most once').toBe(data === '' ? 0 : -1)
    if (data === '') continue
    if (result?.kind === 'stored') {
      expect(at, 'acknowledged means stored, where it said').toBe(offset)
      expect(result.length).toBe(offset + data.length)
      expect(await store.appendIdAt(document.epoch, offset)).toBe(id)
    } else if (result?.kind !== 'unknown') expect(at, 'refused means not stored').toBe(-1)
  }
  const order = told.map(({ asked }) => asked.id)
  expect(settled.filter((id) => order.includes(id))).toEqual(order)
  const committed = document.commits.flatMap(({ texts }) => texts)
  const stored = told.filter(({ asked }) => asked.result?.kind === 'stored').map(({ data }) => data)
  expect(committed).toEqual(stored)
}
