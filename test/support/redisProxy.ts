import { startProxy, targetOf } from './proxy.ts'
import type { Filter, Pair, TcpProxy } from './proxy.ts'
import type { Random } from './random.ts'
import { makeRespCutter, messageOf } from './resp.ts'

/** Probabilities, per message of a subscription. */
export interface Losses {
  drop?: number
  double?: number
  /** Held back until a few more messages have passed it, or some milliseconds. */
  reorder?: number
  /** Only these channels; default all. */
  channels?: (channel: string) => boolean
}

export interface RedisProxy extends TcpProxy {
  readonly url: string
  /** What has been done so far. */
  readonly counts: {
    passed: number
    dropped: number
    doubled: number
    reordered: number
    swallowed: number
  }
  /** From now on, until called with nothing. Commands and their answers are never touched. */
  lose(losses?: Losses): void
  /** Swallows the messages of the connections that are open now, or of those to come as well. They stay connected. */
  deafen(which: 'present' | 'all'): void
  hear(): void
}

interface Ear {
  isDeaf: boolean
  held: { value: Buffer; passes: number }[]
  pair: Pair
}

const LONGEST_HOLD_MS = 40

/** A proxy in front of Redis that knows what is a message and what is an answer. */
export async function startRedisProxy(redisUrl: string, random: Random): Promise<RedisProxy> {
  const counts = { passed: 0, dropped: 0, doubled: 0, reordered: 0, swallowed: 0 }
  const ears = new Set<Ear>()
  let losses: Losses = {}
  let areAllDeaf = false

  const makeFilter = (pair: Pair): Filter => {
    const ear: Ear = { isDeaf: areAllDeaf, held: [], pair }
    const cut = makeRespCutter()
    ears.add(ear)
    return {
      fromClient: (bytes) => pair.toServer(bytes),
      fromServer: (bytes) => {
        for (const value of cut(bytes)) pass(ear, value)
      },
    }
  }
  const pass = (ear: Ear, value: Buffer): void => {
    const message = messageOf(value)
    if (!message) {
      ear.pair.toClient(value)
      return
    }
    if (ear.isDeaf) counts.swallowed++
    else if (losses.channels?.(message.channel) === false) ear.pair.toClient(value)
    else disturb(ear, value)
  }
  const disturb = (ear: Ear, value: Buffer): void => {
    const { drop = 0, double = 0, reorder = 0 } = losses
    const draw = random.next()
    if (draw < drop) {
      counts.dropped++
      return
    }
    if (draw < drop + reorder) hold(ear, value)
    else {
      counts.passed++
      ear.pair.toClient(value)
      if (draw < drop + reorder + double) {
        counts.doubled++
        ear.pair.toClient(value)
      }
      release(ear)
    }
  }
  const hold = (ear: Ear, value: Buffer): void => {
    const held = { value, passes: random.between(1, 5) }
    ear.held.push(held)
    setTimeout(() => letGo(ear, held), random.between(1, LONGEST_HOLD_MS))
  }
  const release = (ear: Ear): void => {
    for (const held of [...ear.held]) if (--held.passes <= 0) letGo(ear, held)
  }
  const letGo = (ear: Ear, held: Ear['held'][number]): void => {
    if (!ear.held.includes(held)) return
    ear.held.splice(ear.held.indexOf(held), 1)
    counts.reordered++
    if (!ear.isDeaf) ear.pair.toClient(held.value)
  }

  const proxy = await startProxy(targetOf(redisUrl, 6379), makeFilter)
  return {
    ...proxy,
    url: `redis://127.0.0.1:${proxy.port}`,
    counts,
    lose(wanted = {}) {
      losses = wanted
    },
    deafen(which) {
      areAllDeaf = which === 'all'
      for (const ear of ears) ear.isDeaf = true
    },
    hear() {
      areAllDeaf = false
      for (const ear of ears) ear.isDeaf = false
    },
  }
}
