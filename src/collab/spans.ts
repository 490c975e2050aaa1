/** Spans of the append's way, for a tracer that may be absent. */
import type { Span, TraceParent, Tracer } from '../core/tracer.ts'
import type { Flight, PendingAppend } from './append-queue.ts'
import type { Follower } from './follower.ts'

/** Ids of documents are their clients' choice: any length. */
const ID_LENGTH = 256

const about = ({ id, surface, epoch }: Follower) => ({
  'lengthwise.surface': surface,
  'lengthwise.document': id.slice(0, ID_LENGTH),
  'lengthwise.epoch': epoch,
})

export function startAppend(
  tracer: Tracer,
  follower: Follower,
  append: { readonly id: number; readonly offset: number; readonly size: number },
  by: { readonly session?: number; readonly parent?: TraceParent | undefined } = {},
): Span | undefined {
  const attributes = {
    ...about(follower),
    'lengthwise.append_id': append.id,
    'lengthwise.size': append.size,
    ...(append.offset >= 0 && { 'lengthwise.offset': append.offset }),
    ...(by.session !== undefined && { 'lengthwise.session': by.session }),
  }
  return tracer.start('append', attributes, by.parent)
}

export function endAppend(span: Span, outcome: string): void {
  const isFailure = outcome === 'unavailable' || outcome === 'unknown'
  span.end({ 'lengthwise.outcome': outcome }, isFailure ? outcome : undefined)
}

/** One statement serves many appends: it stands below the first that is traced, and is linked to the others. */
export function startCommit(tracer: Tracer, flights: readonly Flight[]): Span | undefined {
  const appends = flights.flatMap(({ items }) => items)
  const [first, ...others] = appends.flatMap(({ span }) => span?.parent ?? [])
  if (first === undefined) return undefined
  const attributes = {
    'db.system.name': 'postgresql',
    'lengthwise.documents': flights.length,
    'lengthwise.appends': appends.length,
  }
  return tracer.start('commit', attributes, first, others)
}

export function startPublish(
  tracer: Tracer,
  follower: Follower | undefined,
  offset: number,
  chunks: readonly PendingAppend[],
): Span | undefined {
  const first = chunks.find(({ span }) => span)?.span
  if (!first || !follower) return undefined
  const attributes = {
    ...about(follower),
    'lengthwise.offset': offset,
    'lengthwise.appends': chunks.length,
  }
  return tracer.start('publish', attributes, first.parent)
}

/** Ended by the follower when its sessions have been given what came. */
export function startDelivery(
  tracer: Tracer,
  follower: Follower,
  { offset, size, parent }: { offset: number; size: number; parent: TraceParent },
): Span | undefined {
  const attributes = {
    ...about(follower),
    'lengthwise.offset': offset,
    'lengthwise.size': size,
  }
  return tracer.start('deliver', attributes, parent)
}
