import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { AppendResult } from '../../../src/collab/append-queue.ts'
import type { Follower } from '../../../src/collab/follower.ts'
import { DEFAULT_LIMITS, makeAwarenessTable } from '../../../src/surfaces/yjs/awareness/table.ts'
import type { RoomState } from '../../../src/surfaces/yjs/room-state.ts'
import { type Author, type Member, Room } from '../../../src/surfaces/yjs/room.ts'

const UPDATE = new Uint8Array(10)
const STORED = { kind: 'stored', length: 1 } as AppendResult

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** @param members how many are in the room; `appends` are those on their way, with the time they left */
function openRoom(members: number) {
  const appends: { readonly at: number; readonly settle: (result: AppendResult) => void }[] = []
  const settled: AppendResult[] = []
  const began = performance.now()
  const room = new Room({
    follower: {} as Follower,
    documents: {
      add(_follower, _data, settle) {
        appends.push({ at: Math.round(performance.now() - began), settle })
        return true
      },
      tellNodes: () => undefined,
    },
    awareness: makeAwarenessTable({ node: 'a', limits: DEFAULT_LIMITS }),
    state: {} as RoomState,
    now: () => performance.now(),
    onAppended: () => undefined,
  })
  const all = Array.from({ length: members }, (): Member => ({ tellAwareness: () => undefined }))
  const author: Author = { settled: (_bytes, result) => settled.push(result) }
  for (const member of all) room.members.add(member)
  const write = (bytes = UPDATE) => room.write([bytes], author)
  return { room, appends, settled, write }
}

it('a first update goes at once', async () => {
  const { appends, write } = openRoom(50)
  write()
  await vi.advanceTimersByTimeAsync(0)
  expect(appends.map(({ at }) => at)).toEqual([0])
})

it.each([
  [2, 2],
  [50, 33],
])('what comes soon after is gathered: with %i connections for %i ms', async (members, ms) => {
  const { appends, settled, write } = openRoom(members)
  write()
  await vi.advanceTimersByTimeAsync(0)
  appends[0]!.settle(STORED)
  write()
  write()
  await vi.advanceTimersByTimeAsync(100)
  expect(appends.map(({ at }) => at)).toEqual([0, ms])
  appends[1]!.settle(STORED)
  expect(settled).toHaveLength(3)
})

it('what is as large as an append does not wait', async () => {
  const { appends, write } = openRoom(50)
  write()
  await vi.advanceTimersByTimeAsync(0)
  appends[0]!.settle(STORED)
  write(new Uint8Array(256 * 1024))
  await vi.advanceTimersByTimeAsync(0)
  expect(appends.map(({ at }) => at)).toEqual([0, 0])
})

it('is not done while something is gathered', async () => {
  const { room, appends, write } = openRoom(50)
  write()
  await vi.advanceTimersByTimeAsync(0)
  appends[0]!.settle(STORED)
  write()
  room.members.clear()
  expect(room.isDone).toBe(false)
})
