/** Bytes on the way to another thread: moved, not copied, where nobody else has a part of their memory. */

/** All bytes in a value of plain data. */
export function bytesIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(bytesIn)
}

export function ownsMemory({ buffer, byteLength }: Uint8Array): boolean {
  return buffer.byteLength === byteLength
}

/** The same value, its views of shared memory replaced by copies: sending a view would send all that it is a view of. */
export function detached<T>(value: T): T {
  if (value instanceof Uint8Array) return (ownsMemory(value) ? value : new Uint8Array(value)) as T
  if (Array.isArray(value)) return value.map(detached) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, detached(each)])) as T
}
