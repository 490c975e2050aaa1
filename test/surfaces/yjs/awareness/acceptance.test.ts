/** The rule of 6.2 beside the library's own. */
import { expect, test } from 'vitest'
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { makeAwarenessTable } from '../../../../src/surfaces/yjs/awareness/table.ts'
import { seededRandom } from '../../../support/random.ts'
import { fannedOut, readUpdate, type Said, toSaid, update } from './support.ts'

interface Change {
  readonly added: number[]
  readonly updated: number[]
  readonly removed: number[]
}

test('[yjs 6.2] of any updates from one connection, accepted is what the library accepts', () => {
  const random = seededRandom('acceptance')
  for (let round = 0; round < 200; round++) {
    const library = new Awareness(new Y.Doc())
    clearInterval(library._checkInterval as NodeJS.Timeout)
    library.setLocalState(null)
    const accepted: Said[] = []
    library.on('update', ({ added, updated, removed }: Change) => {
      const ids = [...added, ...updated, ...removed]
      accepted.push(...readUpdate(encodeAwarenessUpdate(library, ids)))
    })
    const room = makeAwarenessTable({ node: 'A' })
    const connection = {}
    room.receive(connection, update(), 0) // so that no frame announces anybody
    for (let step = 0; step < 60; step++) {
      const json = random.pick(['{}', '{"a":1}', '[2]', 'null'])
      const said: Said = [random.between(1, 4), random.between(0, 8), json]
      applyAwarenessUpdate(library, update(said), 'line')
      const out = fannedOut(room.receive(connection, update(said), step))
      // The library tells again that somebody gone is gone, at a newer clock.
      const news = accepted.splice(0)
      if (out.length > 0 || json !== 'null') expect(out, `step ${step}`).toEqual(news)
      const states = [...library.getStates()].map(([id, state]) => [id, JSON.stringify(state)])
      const present = room.present({}).map(toSaid)
      expect(present.map(([id, , text]) => [id, text]).sort()).toEqual(states.sort())
    }
  }
})
