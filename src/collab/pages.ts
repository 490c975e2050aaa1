/**
 * Reads the log in aligned pages: one read per page at a time however many sessions want it, from a cache with one byte
 * budget for the process. Only what Postgres returned is in here, so a page is right whatever Redis did.
 */
import { StoreError } from '../core/errors.ts'
import type { Meter } from '../core/meter.ts'
import type { Epoch } from '../core/ports.ts'

export const PAGE_BYTES = 256 * 1024
/** Memory that V8 frees late is not left to it: this many whole pages that fell out of the cache wait for new contents. */
const MOST_SPARE = 4
/** Looks at a page that ends too early. */
const MOST_SHORT = 3

const NOTHING = new Uint8Array()

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

export function makePages(store: PageStore, budget: number, meter: Meter): Pages {
  /** Least recently used first. A page holds the bytes from its start on, as far as they were there. */
  const cache = new Map<string, Uint8Array>()
  const flights = new Map<string, Promise<void>>()
  /** Whole pages in memory of our own, which nobody else holds. */
  const own = new WeakSet<Uint8Array>()
  const spare: Uint8Array[] = []
  let bytes = 0
  meter.gauge('cache_bytes', () => bytes)

  function keep(name: string, page: Uint8Array): void {
    drop(name)
    cache.set(name, page)
    bytes += page.length
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
    if (own.has(page) && spare.length < MOST_SPARE) spare.push(page)
  }

  function allocate(size: number): Uint8Array {
    if (size !== PAGE_BYTES) return Buffer.allocUnsafeSlow(size)
    const page = spare.pop() ?? Buffer.allocUnsafeSlow(PAGE_BYTES)
    own.add(page)
    return page
  }

  async function fetch(epoch: Epoch, start: number, name: string): Promise<void> {
    const have = cache.get(name) ?? NOTHING
    const more = await store.read(epoch, start + have.length, endOfPage(start), allocate)
    meter.page('store', more.length)
    keep(name, have.length === 0 ? more : Buffer.concat([have, more]))
  }

  function share(epoch: Epoch, start: number, name: string): Promise<void> {
    const flying = flights.get(name)
    if (flying) {
      meter.page('shared', 0)
      return flying
    }
    const flight = fetch(epoch, start, name).finally(() => flights.delete(name))
    flights.set(name, flight)
    return flight
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
      for (const name of cache.keys()) if (name.startsWith(`${epoch}:`)) drop(name)
    },
  }
}

/** A page that does not begin where pages do ends where they do. */
function endOfPage(start: number): number {
  return start - (start % PAGE_BYTES) + PAGE_BYTES
}
