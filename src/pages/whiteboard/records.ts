/**
 * What a board's document holds: one JSON record a line. Every append is whole lines, so appends of many people can follow
 * one another in any order, and a reader may be given the bytes cut anywhere.
 *
 *   stroke  {"t":"s","id","c":colour,"w":width,"p":[x,y,dx,dy,…]}     coordinates in tenths of a unit, each after the one before
 *   erase   {"t":"e","id","ids":[stroke,…]}
 *   clear   {"t":"c","id"}                                          everything drawn so far
 *   undo    {"t":"u","id","of":record}     redo {"t":"r","id","of":record}
 *
 * Ids are `<author>.<random>`: they tell changes apart (a client recognises its own by their bytes) and say whose they are.
 * Lines that are none of these are skipped: another version may write more kinds.
 */
export interface Stroke {
  readonly t: 's'
  readonly id: string
  /** Index into the palette. */
  readonly c: number
  readonly w: number
  readonly p: readonly number[]
}
export interface Erase {
  readonly t: 'e'
  readonly id: string
  readonly ids: readonly string[]
}
export interface Clear {
  readonly t: 'c'
  readonly id: string
}
export interface Reversal {
  readonly t: 'u' | 'r'
  readonly id: string
  readonly of: string
}
export type Action = Stroke | Erase | Clear
export type BoardRecord = Action | Reversal

const MAX_POINTS = 20_000
const MAX_COORDINATE = 10_000_000

export const authorOf = (id: string) => id.slice(0, id.indexOf('.'))

/** @param author without a dot */
export function makeId(author: string): string {
  return `${author}.${randomText(9)}`
}

/** Letters and digits, six bits' worth each or a little less. */
export function randomText(length: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length))
  return Array.from(bytes, (byte) => (byte % 36).toString(36)).join('')
}

export const encodeRecord = (record: BoardRecord): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(record)}\n`)

/** @returns undefined for a line that is no record */
export function readRecord(line: string): BoardRecord | undefined {
  try {
    return check(JSON.parse(line) as unknown)
  } catch {
    return undefined
  }
}

/** Reads records from bytes that come in parts. */
export function makeRecordReader(): (bytes: Uint8Array) => BoardRecord[] {
  const decoder = new TextDecoder()
  let unfinished = ''
  return (bytes) => {
    const lines = (unfinished + decoder.decode(bytes, { stream: true })).split('\n')
    unfinished = lines.pop() ?? ''
    return lines.map(readRecord).filter((record) => record !== undefined)
  }
}

const isId = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 64
const isIn = (value: unknown, low: number, high: number): value is number =>
  typeof value === 'number' && value >= low && value <= high

export const isColour = (value: unknown): value is number =>
  Number.isInteger(value) && isIn(value, 0, 7)
export const isWidth = (value: unknown): value is number => isIn(value, 0.5, 200)
export const isPoints = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length >= 2 &&
  value.length % 2 === 0 &&
  value.length <= 2 * MAX_POINTS &&
  value.every((number) => isIn(number, -MAX_COORDINATE, MAX_COORDINATE))

/** Anybody may have written it: nothing is taken on trust. */
function check(value: unknown): BoardRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { t, id, c, w, p, ids, of } = value as { readonly [key: string]: unknown }
  if (!isId(id)) return undefined
  switch (t) {
    case 's':
      return isColour(c) && isWidth(w) && isPoints(p) ? { t, id, c, w, p } : undefined
    case 'e':
      return Array.isArray(ids) && ids.every(isId) ? { t, id, ids } : undefined
    case 'c':
      return { t, id }
    case 'u':
    case 'r':
      return isId(of) ? { t, id, of } : undefined
    default:
      return undefined
  }
}
