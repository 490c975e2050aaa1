/**
 * Reads the log in aligned pages: one read per page at a time however many sessions want it, from a cache with one byte
 * budget for the process. Only what Postgres returned is in here, so a page is right whatever Redis did.
 */
import { StoreError } from '../core/errors.ts'
import type { Meter } from '../core/meter.ts'
import type { DocumentStore, Epoch } from '../core/ports.ts'

export const PAGE_BYTES = 256 * 1024

export interface Pages {
  /**
   * @returns at least one byte from `from`, at most up to `to` or the end of the page
   * @throws StoreError `hole` when nothing is there although `from` is below the committed length
   */
  read(epoch: Epoch, from: number, to: number): Promise<Uint8Array>
  forget(epoch: Epoch): void
}

export function makePages(store: Pick<DocumentStore, 'read'>, budget: number, meter: Meter): Pages {
  /** Least recently used first. A page holds the bytes from its start on, as far as they were there. */
  const cache = new Map<string, Uint8Array>()
  const flights = new Map<string, Promise<Uint8Array>>()
  let bytes = 0
  meter.gauge('cache_bytes', 'Bytes of log pages kept in memory.', () => bytes)

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
    bytes -= cache.get(name)?.length ?? 0
    cache.delete(name)
  }

  async function fetch(epoch: Epoch, start: number, name: string): Promise<Uint8Array> {
    const have = cache.get(name) ?? new Uint8Array()
    const more = await store.read(epoch, start + have.length, start + PAGE_BYTES)
    meter.page('store', more.length)
    const page = have.length === 0 ? more : Buffer.concat([have, more])
    keep(name, page)
    return page
  }

  function share(epoch: Epoch, start: number, name: string): Promise<Uint8Array> {
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
    async read(epoch, from, to) {
      const start = from - (from % PAGE_BYTES)
      const name = `${epoch}:${start}`
      let page = cached(name)
      if (page && start + page.length > from) meter.page('cache', 0)
      // A shared flight may have begun before the bytes were committed: then one of our own follows.
      for (let tries = 0; !page || start + page.length <= from; tries++) {
        if (tries === 3) throw new StoreError('hole', `nothing at offset ${from} of epoch ${epoch}`)
        page = await share(epoch, start, name)
      }
      return page.subarray(from - start, to - start)
    },
    forget(epoch) {
      for (const name of cache.keys()) if (name.startsWith(`${epoch}:`)) drop(name)
    },
  }
}
