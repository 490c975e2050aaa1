/** A document's bytes in one answer, read by pages, within a budget that all dumps share. */
import type { DocumentStore, Epoch } from '../../core/ports.ts'
import type { HttpAnswer } from '../surface.ts'
import { Refusal } from './management-form.ts'

const PAGE_BYTES = 1024 * 1024

/** @param maxBytes what dumps may hold at a time; a document above it is refused with 413, one too many with 503 */
export function makeDump(
  store: Pick<DocumentStore, 'read'>,
  maxBytes: number,
): (document: { epoch: Epoch; length: number }) => Promise<HttpAnswer> {
  let held = 0

  return async ({ epoch, length }) => {
    if (length > maxBytes) throw new Refusal(413, 'document is too large')
    if (held + length > maxBytes) throw new Refusal(503, 'too many dumps')
    held += length
    try {
      const body = await readAll(store, epoch, length)
      return body ? { status: 200, headers: { 'Content-Type': 'text' }, body } : { status: 404 }
    } finally {
      held -= length
    }
  }
}

/** @returns undefined when the document was deleted meanwhile */
async function readAll(
  store: Pick<DocumentStore, 'read'>,
  epoch: Epoch,
  length: number,
): Promise<Uint8Array | undefined> {
  const body = new Uint8Array(length)
  for (let from = 0; from < length; from += PAGE_BYTES) {
    const to = Math.min(from + PAGE_BYTES, length)
    const page = await store.read(epoch, from, to)
    // The log only grows: fewer bytes than it had are those of a document that is gone.
    if (page.length < to - from) return undefined
    body.set(page, from)
  }
  return body
}
