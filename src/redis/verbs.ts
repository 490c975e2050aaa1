/** What differs between pub/sub on one server and on a cluster, where a message only goes to its slot's owner. */
import { slotOf } from './slots.ts'

export interface Verbs {
  readonly publish: 'publish' | 'spublish'
  readonly subscribe: 'subscribe' | 'ssubscribe'
  readonly unsubscribe: 'unsubscribe' | 'sunsubscribe'
  readonly event: 'messageBuffer' | 'smessageBuffer'
  /** Cuts channels into groups that one command may name. */
  readonly batches: (channels: readonly string[]) => readonly (readonly string[])[]
}

/** Channels in one SUBSCRIBE: a longer command keeps the server from its other clients. */
const BATCH = 512

export const classic: Verbs = {
  publish: 'publish',
  subscribe: 'subscribe',
  unsubscribe: 'unsubscribe',
  event: 'messageBuffer',
  batches: inBatches,
}

export const sharded: Verbs = {
  publish: 'spublish',
  subscribe: 'ssubscribe',
  unsubscribe: 'sunsubscribe',
  event: 'smessageBuffer',
  batches: (channels) => bySlot(channels).flatMap(inBatches),
}

function inBatches(channels: readonly string[]): string[][] {
  const batches: string[][] = []
  for (let at = 0; at < channels.length; at += BATCH) batches.push(channels.slice(at, at + BATCH))
  return batches
}

/** One command may name channels of one slot only. */
function bySlot(channels: readonly string[]): string[][] {
  const slots = new Map<number, string[]>()
  for (const channel of channels) {
    const slot = slotOf(channel)
    const others = slots.get(slot)
    if (others) others.push(channel)
    else slots.set(slot, [channel])
  }
  return [...slots.values()]
}

/** Errors of Redis have their code as the first word, and nothing else to tell it by. */
export function isMoved(error: unknown): boolean {
  return (error instanceof Error ? error.message : String(error)).startsWith('MOVED ')
}
