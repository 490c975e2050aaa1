/** Bytes that a Yjs client could not read, or that would harm it. */
export class MalformedUpdate extends Error {
  override readonly name = 'MalformedUpdate'
}
