import { expect, test } from 'vitest'
import type { DocumentStore, Epoch } from '../../../src/core/ports.ts'
import { seededRandom } from '../../support/random.ts'
import type { Random } from '../../support/random.ts'
import { chunk, makeDocument, stateOf, unlessBusy } from './bench.ts'
import type { UseBench } from './bench.ts'

/** What one node stored, by document: the text of each append, where it was. */
type Stored = Map<Epoch, { offset: number; text: string }[]>

export function rivalSuite(use: UseBench): void {
  test('[I3] of appends at one length, on two nodes at once, exactly one commits', async () => {
    const { near, far } = use()
    for (const wait of [true, false]) {
      const epoch = await makeDocument(near)
      let length = 0
      for (let round = 0; round < 10; round += 1) {
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            unlessBusy(async () => {
              const store = i % 2 ? near : far
              const batch = [{ epoch, expected: length, chunks: [chunk(`${round}.${i} `)] }]
              return (await store.append(batch, wait))[0]!
            }),
          ),
        )
        length += 4
        const stored = outcomes.filter(({ kind }) => kind === 'stored')
        expect(stored).toEqual([{ kind: 'stored', length }])
        const refused = outcomes.filter(({ kind }) => kind === 'conflict')
        expect(refused).toEqual(Array<object>(7).fill({ kind: 'conflict', length }))
      }
    }
  })

  test('[I3] two nodes that fight over the same documents fill each one without overlap', async () => {
    const { near, far } = use()
    const random = seededRandom('two nodes on the same documents')
    const epochs: Epoch[] = []
    for (let i = 0; i < 25; i += 1) epochs.push(await makeDocument(near))
    const fights = [near, far, near, far].map((store, i) =>
      fight(store, epochs, random.fork(), String.fromCharCode(97 + i)),
    )
    const stored = await Promise.all(fights)
    for (const epoch of epochs) {
      const appends = stored.flatMap((each) => each.get(epoch) ?? [])
      appends.sort((a, b) => a.offset - b.offset)
      const text = appends.map((each) => each.text).join('')
      expect(appends.map(({ offset }) => offset)).toEqual(offsetsOf(appends))
      expect(await stateOf(far, epoch)).toMatchObject({ length: text.length })
      const read = await near.read(epoch, 0, text.length)
      expect(Buffer.from(read).toString()).toBe(text)
    }
  })

  test('[I10] batches that name the same documents in opposite orders do not block each other', async () => {
    const { near, far } = use()
    const epochs: Epoch[] = []
    for (let i = 0; i < 30; i += 1) epochs.push(await makeDocument(near))
    const batch = epochs.map((epoch) => ({ epoch, expected: 0, chunks: [chunk('x')] }))
    for (const wait of [false, true]) {
      const all = Array.from({ length: 10 }, (_, i) =>
        (i % 2 ? near : far).append(i % 2 ? batch : [...batch].reverse(), wait),
      )
      await Promise.all(all) // a deadlock would reject
    }
    const states = await near.states(epochs)
    expect(new Set([...states.values()].map(({ length }) => length))).toEqual(new Set([1]))
  })
}

/** Appends to random documents in batches, wherever it believes their ends to be. */
async function fight(
  store: DocumentStore,
  epochs: readonly Epoch[],
  random: Random,
  mark: string,
): Promise<Stored> {
  const known = new Map<Epoch, number>(epochs.map((epoch) => [epoch, 0]))
  const stored: Stored = new Map(epochs.map((epoch) => [epoch, []]))
  for (let round = 0; round < 60; round += 1) {
    const chosen = epochs.filter(() => random.chance(0.4))
    const batch = chosen.map((epoch) => {
      const texts = Array.from({ length: random.between(1, 4) }, () =>
        mark.repeat(random.between(1, 9)),
      )
      return { epoch, expected: known.get(epoch)!, chunks: texts.map((text) => chunk(text)), texts }
    })
    const outcomes = await store.append(batch, round % 10 === 0)
    outcomes.forEach((outcome, i) => {
      const { epoch, expected, texts } = batch[i]!
      if (outcome.kind === 'stored') {
        stored.get(epoch)!.push({ offset: expected, text: texts.join('') })
      }
      if ('length' in outcome) known.set(epoch, outcome.length)
    })
  }
  return stored
}

function offsetsOf(appends: readonly { text: string }[]): number[] {
  let at = 0
  return appends.map(({ text }) => (at += text.length) - text.length)
}
