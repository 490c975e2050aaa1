/**
 * Awareness updates (6.1): bytes ↔ entries.
 *
 *   update = count:varUint entry*      entry = id:varUint clock:varUint size:varUint JSON text
 *
 * JSON is looked at by `checkState` only, so that the copies which every client sends back (6.4) cost no parsing.
 */

export interface AwarenessEntry {
  readonly id: number
  readonly clock: number
  /** JSON text in UTF-8; null for the text `null`: gone. */
  readonly state: Uint8Array | null
}

export interface EntryLimits {
  /** Of one message. */
  readonly entries: number
  readonly stateBytes: number
  /** Of arrays and objects within each other. */
  readonly stateDepth: number
}

export class MalformedAwareness extends Error {
  override readonly name = 'MalformedAwareness'
}

const NULL = Uint8Array.of(0x6e, 0x75, 0x6c, 0x6c)
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * @returns entries whose states are views of `bytes`, not looked into
 * @throws MalformedAwareness
 */
export function decodeAwareness(bytes: Uint8Array, limits: EntryLimits): AwarenessEntry[] {
  let at = 0

  function readUint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw new MalformedAwareness('cut short')
      value += (byte & 0x7f) * scale
      if (byte < 0x80 && value <= Number.MAX_SAFE_INTEGER) return value
    }
    throw new MalformedAwareness('number out of range')
  }

  function readEntry(): AwarenessEntry {
    const [id, clock, size] = [readUint(), readUint(), readUint()]
    if (size > limits.stateBytes) throw new MalformedAwareness('state too large')
    if (size > bytes.length - at) throw new MalformedAwareness('cut short')
    const text = bytes.subarray(at, (at += size))
    return { id, clock, state: isSame(text, NULL) ? null : text }
  }

  const count = readUint()
  if (count > limits.entries) throw new MalformedAwareness('too many entries')
  const entries: AwarenessEntry[] = []
  for (let i = 0; i < count; i++) entries.push(readEntry())
  return entries
}

/**
 * Every receiver parses a state, so what is passed on has to be JSON that none of them chokes on (13.7).
 * @throws MalformedAwareness
 */
export function checkState(state: Uint8Array, limits: EntryLimits): void {
  if (depthOf(state) > limits.stateDepth) throw new MalformedAwareness('state too deep')
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(state))
  } catch (cause) {
    throw new MalformedAwareness('state is not JSON', { cause })
  }
  // ` null ` would be a removal to every client, past the rule of who may remove (6.8).
  if (value === null) throw new MalformedAwareness('null with spaces')
}

export function encodeAwareness(entries: readonly AwarenessEntry[]): Uint8Array {
  const most = entries.reduce((sum, { state }) => sum + 24 + (state ?? NULL).length, 8)
  const out = new Uint8Array(most)
  let at = 0

  function writeUint(value: number): void {
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 0x80
    out[at++] = rest
  }

  writeUint(entries.length)
  for (const { id, clock, state } of entries) {
    const text = state ?? NULL
    writeUint(id)
    writeUint(clock)
    writeUint(text.length)
    out.set(text, at)
    at += text.length
  }
  return out.subarray(0, at)
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i])
}

/** Of brackets outside strings. Bytes of 0x80 and above are never brackets, quotes or backslashes. */
function depthOf(json: Uint8Array): number {
  let deepest = 0
  let depth = 0
  let isInString = false
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (byte === 0x22) isInString = !isInString
    else if (isInString) i += byte === 0x5c ? 1 : 0
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return deepest
}
