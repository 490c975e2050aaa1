/** Taking over a whole folder, one room after the other. */
import { asAskedFor } from '../room-name.ts'
import { importRoom } from './import-room.ts'
import type { ImportedRoom, RoomImport, Target } from './import-room.ts'
import type { Leveldb } from './leveldb.ts'

export interface Tally {
  readonly rooms: Readonly<Record<ImportedRoom['kind'], number>>
  /** Written. */
  readonly bytes: number
  /** Rooms and updates that were left out. */
  readonly leftOut: number
}

export interface ImportOptions {
  readonly source: Leveldb
  readonly target: Target
  /** Something was left out, and why. */
  readonly onLeftOut: (sentence: string) => void
  /** After each room. */
  readonly onRoom: (tally: Tally) => void
}

export async function importLeveldb(options: ImportOptions): Promise<Tally> {
  const { source, target, onRoom } = options
  const rooms = { new: 0, 'added to': 0, unchanged: 0, empty: 0 }
  let bytes = 0
  let leftOut = 0
  const leaveOut = (sentence: string): void => {
    leftOut += 1
    options.onLeftOut(sentence)
  }
  const nameFor = makeNames(source, leaveOut)
  let current: { name: string; into: RoomImport | undefined } | undefined

  async function finish(): Promise<void> {
    if (current?.into === undefined) return
    const done = await current.into.finish()
    rooms[done.kind] += 1
    bytes += done.bytes
    for (const { update, reason } of done.bad)
      leaveOut(`room ${quote(current.name)}, update ${update}: ${reason}`)
    onRoom({ rooms, bytes, leftOut })
  }

  for await (const { room, bytes: update } of source.updates()) {
    if (current?.name !== room) {
      await finish()
      const name = await nameFor(room)
      current = { name: room, into: name === undefined ? undefined : importRoom(target, name) }
    }
    await current.into?.add(update)
  }
  await finish()
  return { rooms, bytes, leftOut }
}

/**
 * The original's own server names rooms as they stand in the path; other users of y-leveldb may have taken names that
 * clients send encoded. Two rooms never become one.
 */
function makeNames(source: Leveldb, leaveOut: (sentence: string) => void) {
  const encoded = new Set<string>()
  return async (room: string): Promise<string | undefined> => {
    const name = asAskedFor(room)
    if (name === room) return name
    if (name === undefined) leaveOut(`room ${quote(room)}: no client can ask for such a name`)
    else if (encoded.has(name) || (await source.has(name)))
      leaveOut(`room ${quote(room)}: for clients it is the same as another room, ${quote(name)}`)
    else {
      encoded.add(name)
      return name
    }
    return undefined
  }
}

const quote = (name: string): string => JSON.stringify(name)
