/** Document ids as clients and the management API say them; in the store they carry the surface's prefix. */

/** Every document of this surface has an id that begins so. */
export const PREFIX = 'zwibbler/'

/** Bytes of UTF-8 (spec 6). A JWT or token that stands for the id may be longer. */
export const MAX_DOCUMENT_ID = 1_024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @returns undefined for bytes that are not UTF-8 */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Why this text cannot be stored as an id of any kind, in words for the client; undefined when it can. */
export function problemOf(id: string): string | undefined {
  if (/\p{Surrogate}/u.test(id)) return 'is not valid UTF-8'
  if (id.includes('\0')) return 'contains NUL'
  const isTooLong = Buffer.byteLength(id) > MAX_DOCUMENT_ID
  return isTooLong ? `is longer than ${MAX_DOCUMENT_ID} bytes` : undefined
}
