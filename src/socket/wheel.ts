/** Where a socket is; the wheel's own. */
export interface Spoke {
  slot: number
  place: number
}

/**
 * Spreads sockets over slots, one of which comes up at each tick: every socket is visited exactly once in a turn, a few at
 * a time, with no timer of its own. A socket costs one element of an array.
 */
export class Wheel<T extends Spoke> {
  private readonly slots: T[][]
  private current = 0
  private size = 0

  constructor(slots: number) {
    this.slots = Array.from({ length: slots }, () => [])
  }

  get count(): number {
    return this.size
  }

  /** Comes up after a whole turn. */
  add(connection: T): void {
    const slot = this.slots[this.current]!
    connection.slot = this.current
    connection.place = slot.length
    slot.push(connection)
    this.size += 1
  }

  /** The last of the slot takes its place. */
  remove(connection: T): void {
    const slot = this.slots[connection.slot]!
    if (slot[connection.place] !== connection) return
    const last = slot.pop()!
    if (last !== connection) {
      slot[connection.place] = last
      last.place = connection.place
    }
    this.size -= 1
  }

  /** Those whose turn it is; a copy, since a visit may remove some. */
  turn(): T[] {
    this.current = (this.current + 1) % this.slots.length
    return this.slots[this.current]!.slice()
  }

  all(): T[] {
    return this.slots.flat()
  }
}
