/** The rooms that are open on this node. Each holds its document's follower, also for a moment after the last one left. */
import type { Follower } from '../../collab/follower.ts'
import type { Hub } from '../../collab/hub.ts'
import type { Room } from './room.ts'

/** Who comes back at once finds everything as it was; and who is gone is told of. */
const LINGER_MS = 3_000

export interface Rooms {
  /** @param follower held by the caller */
  enter(follower: Follower): Room
  /** Somebody has left: the room goes when nobody is in it any more. */
  left(room: Room): void
  all(): Iterable<Room>
  close(): void
}

export function makeRooms(options: {
  readonly hub: Pick<Hub, 'hold' | 'release'>
  readonly make: (follower: Follower) => Room
  /** Nobody is in it any more. */
  readonly onDeserted: (room: Room) => void
}): Rooms {
  const rooms = new Map<Follower, Room>()
  const lingering = new Map<Room, NodeJS.Timeout>()

  function drop(room: Room): void {
    clearTimeout(lingering.get(room))
    lingering.delete(room)
    rooms.delete(room.follower)
    room.stop()
    options.hub.release(room.follower)
  }

  function look(room: Room): void {
    lingering.delete(room)
    if (room.members.size > 0) return
    if (room.isDone || room.follower.isGone) drop(room)
    else linger(room)
  }

  function linger(room: Room): void {
    clearTimeout(lingering.get(room))
    lingering.set(
      room,
      setTimeout(() => look(room), LINGER_MS),
    )
  }

  return {
    enter(follower) {
      const known = rooms.get(follower)
      if (known) return known
      options.hub.hold(follower)
      const room = options.make(follower)
      rooms.set(follower, room)
      return room
    },
    left(room) {
      if (room.members.size > 0 || rooms.get(room.follower) !== room) return
      options.onDeserted(room)
      if (room.follower.isGone) drop(room)
      else linger(room)
    },
    all: () => rooms.values(),
    close() {
      for (const room of [...rooms.values()]) drop(room)
    },
  }
}
