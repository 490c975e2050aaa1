import { expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { makeCluster } from '../support/cluster.ts'
import { isLarge } from '../support/scale.ts'
import { until } from '../support/wait.ts'
import { connectYjs, roomsOf, stepOne, updateOf } from '../support/yjs.ts'
import { readRoom } from '../support/yjsStored.ts'

const { redisUrl } = inject('services')
const ROOM_BYTES = (isLarge ? 50 : 12) * 1_000_000
const PIECE = 200_000
const JOINERS = 10
const MOST_FRAME = 1024 * 1024

interface Joiner {
  bytes: number
  largest: number
  isAnswered: boolean
  socket: WebSocket
}

/** Asks for everything, and counts what comes. */
function join(rooms: string, room: string): Joiner {
  const socket = new WebSocket(`${rooms}/${room}`, { perMessageDeflate: false, maxPayload: 0 })
  const joiner: Joiner = { bytes: 0, largest: 0, isAnswered: false, socket }
  socket.on('open', () => socket.send(stepOne(Buffer.of(0))))
  socket.on('message', (data: Buffer) => {
    joiner.bytes += data.length
    joiner.largest = Math.max(joiner.largest, data.length)
    joiner.isAnswered ||= data[0] === 0 && data[1] === 1
  })
  return joiner
}

test.skipIf(!redisUrl)(
  '[I10] [yjs 13.3] while ten clients join a large room, no message is larger than 1 MiB, and edits in another room come back',
  { timeout: 180_000 },
  async () => {
    await using cluster = await makeCluster(1)
    const rooms = roomsOf(cluster.nodes[0]!)
    const doc = new Y.Doc()
    {
      await using writer = await connectYjs(rooms, 'large').opened()
      await writer.asks()
      doc.on('update', (update) => writer.send(updateOf(update)))
      const text = doc.getText('t')
      while (text.length < ROOM_BYTES) text.insert(text.length, 'many words '.repeat(PIECE / 11))
      await until('it is stored', () =>
        writer.of('update').some(({ payload }) => endOf(payload) === text.length),
      )
    }
    await until('it is folded', async () => (await readRoom(cluster.databaseUrl, 'large')).segments)

    await using typist = await connectYjs(rooms, 'small').opened()
    await typist.asks()
    const small = new Y.Doc()
    small.on('update', (update) => typist.send(updateOf(update)))
    const echoes = (): number => typist.of('update').length
    const joiners = Array.from({ length: JOINERS }, () => join(rooms, 'large'))
    await until('some have begun', () => joiners.some(({ bytes }) => bytes > 0), { everyMs: 1 })
    let whileJoining = 0
    while (joiners.some(({ isAnswered }) => !isAnswered)) {
      const before = echoes()
      small.getText('t').insert(0, '.')
      await until('it comes back', () => echoes() > before, { everyMs: 1 })
      if (joiners.some(({ isAnswered }) => !isAnswered)) whileJoining++
    }
    console.log(
      `${whileJoining} echoes, ${Math.max(...joiners.map(({ largest }) => largest))} bytes at most`,
    )
    expect(whileJoining).toBeGreaterThan(5)
    for (const { bytes, largest, socket } of joiners) {
      expect(bytes).toBeGreaterThanOrEqual(ROOM_BYTES)
      expect(largest).toBeLessThanOrEqual(MOST_FRAME)
      socket.terminate()
    }
  },
)

function endOf(update: Uint8Array): number {
  return Math.max(0, ...Y.parseUpdateMeta(update).to.values())
}
