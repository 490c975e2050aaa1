/**
 * Reads the log in aligned pages: one read per page at a time however many sessions want it, from a cache with one byte
 * budget for the process. Only what Postgres returned is in here, so a page is right whatever Redis did.
 */
import { StoreError } from '../core/errors.ts'
import type { Meter } from '../core/meter.ts'
import type { Epoch } from '../core/ports.ts'
import { makePageMemory } from './page-memory.ts'

export const PAGE_BYTES = 256 * 1024
/** Of what fell out of the cache and waits for new contents. */
const SPARE_BYTES = 4 * PAGE_BYTES
/** Looks at a page that ends too early. */
const MOST_SHORT = 3

export interface Pages {
  /**
   * Calls `take` with at least one byte from `from`, at most up to `to` or the end of the page. They are lent: once `take`
   * has returned, their memory may get other contents.
   * @param base nothing below it is read: it may have been folded
   * @returns what `take` returned
   * @throws StoreError `hole` when nothing is there although `from` is below the committed length
   */
  read<T>(
    epoch: Epoch,
    from: number,
    to: number,
    take: (bytes: Uint8Array) => T,
    base?: number,
  ): Promise<T>
  /** Its bytes may be others now, or nobody here has it open any more. */
  forget(epoch: Epoch): void
}

export interface PageStore {
  /** As a `DocumentStore`; the bytes may be put into what `into` returns for their number, and then are that. */
  read(
    epoch: Epoch,
    from: number,
    to: number,
    into: (size: number) => Uint8Array,
  ): Promise<Uint8Array>
}

/** One read of a page, for all who want it. */
interface Flight {
  readonly landed: Promise<void>
  readonly state: { isForgotten: boolean }
}

export function makePages(store: PageStore, budget: number, meter: Meter): Pages {
  /** Least recently used first. A page holds the bytes from its start on, as far as they were there. */
  const cache = new Map<string, Uint8Array>()
  /** Names of what is in the cache. */
  const ofEpoch = new Map<Epoch, Set<string>>()
  const flights = new Map<string, Flight>()
  const memory = makePageMemory(SPARE_BYTES)
  let bytes = 0
  meter.gauge('cache_bytes', () => bytes)

  function keep(epoch: Epoch, name: string, page: Uint8Array): void {
    drop(name)
    cache.set(name, page)
    bytes += page.length
    const names = ofEpoch.get(epoch)
    if (names) names.add(name)
    else ofEpoch.set(epoch, new Set([name]))
    for (const oldest of cache.keys()) {
      if (bytes <= budget || oldest === name) break
      drop(oldest)
    }
  }

  function drop(name: string): void {
    const page = cache.get(name)
    if (!page) return
    bytes -= page.length
    cache.delete(name)
    const epoch = Number.parseInt(name)
    const names = ofEpoch.get(epoch)
    names?.delete(name)
    if (names?.size === 0) ofEpoch.delete(epoch)
    memory.giveBack(page)
  }

  async function fetch(
    epoch: Epoch,
    start: number,
    name: string,
    state: Flight['state'],
  ): Promise<void> {
    const have = cache.get(name)
    const from = start + (have?.length ?? 0)
    const more = await store.read(epoch, from, endOfPage(start), (size) => memory.take(size))
    meter.page('store', more.length)
    if (!have && !state.isForgotten) {
      keep(epoch, name, more)
      return
    }
    // What fell out of the cache meanwhile may have got other contents: whoever wants the page reads it again.
    if (have && more.length > 0 && cache.get(name) === have) keep(epoch, name, joined(have, more))
    memory.giveBack(more)
  }

  function joined(have: Uint8Array, more: Uint8Array): Uint8Array {
    const page = memory.take(have.length + more.length)
    page.set(have)
    page.set(more, have.length)
    return page
  }

  function share(epoch: Epoch, start: number, name: string): Promise<void> {
    const flying = flights.get(name)
    if (flying) {
      meter.page('shared', 0)
      return flying.landed
    }
    const state = { isForgotten: false }
    const landed = fetch(epoch, start, name, state).finally(() => {
      if (flights.get(name)?.state === state) flights.delete(name)
    })
    flights.set(name, { landed, state })
    return landed
  }

  function cached(name: string): Uint8Array | undefined {
    const page = cache.get(name)
    if (page) {
      cache.delete(name)
      cache.set(name, page)
    }
    return page
  }

  return {
    async read(epoch, from, to, take, base = 0) {
      const start = Math.max(from - (from % PAGE_BYTES), Math.min(base, from))
      const name = `${epoch}:${start}`
      for (let looks = 0, short = 0; ; looks++) {
        // After a read as well: only what is in the cache now has not been given other contents.
        const page = cached(name)
        if (page && start + page.length > from) {
          if (looks === 0) meter.page('cache', 0)
          return take(page.subarray(from - start, to - start))
        }
        // A shared flight may have begun before the bytes were committed: then one of our own follows.
        if (page && short++ === MOST_SHORT)
          throw new StoreError('hole', `nothing at offset ${from} of epoch ${epoch}`)
        await share(epoch, start, name)
      }
    },
    forget(epoch) {
      for (const name of ofEpoch.get(epoch) ?? []) drop(name)
      for (const [name, { state }] of flights) {
        if (!name.startsWith(`${epoch}:`)) continue
        state.isForgotten = true
        flights.delete(name)
      }
    },
  }
}

/** A page that does not begin where pages do ends where they do. */
function endOfPage(start: number): number {
  return start - (start % PAGE_BYTES) + PAGE_BYTES
}
