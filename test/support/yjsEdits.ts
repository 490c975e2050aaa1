import * as Y from 'yjs'
import type { Random } from './random.ts'

const WORDS = ['one ', 'two', 'é', '😀', 'and so on and so on ', '\n', '漢字']
/** Rooms stay about as large: what is longer is mostly cut. */
const MOST_LENGTH = 400

/** One edit as a person makes it: typing, cutting, setting, nesting. */
export function edit(doc: Y.Doc, random: Random): void {
  const [text, map, list] = [doc.getText('t'), doc.getMap('m'), doc.getArray('a')]
  const draw = random.next()
  if (draw < 0.5) type(text, random)
  else if (draw < 0.6) cut(text, random)
  else if (draw < 0.7) map.set(`k${random.between(0, 8)}`, random.between(0, 1_000))
  else if (draw < 0.75) map.delete(`k${random.between(0, 8)}`)
  else if (draw < 0.85) list.insert(random.between(0, list.length + 1), [random.next(), null])
  else if (draw < 0.9) cut(list, random)
  else nest(map, random)
}

function type(text: Y.Text, random: Random): void {
  if (text.length > MOST_LENGTH) return cut(text, random)
  text.insert(pickRange(text, random)[0], random.pick(WORDS))
}

function cut(from: Y.Text | Y.Array<unknown>, random: Random): void {
  const [at, length] = pickRange(from, random, 12)
  if (length > 0) from.delete(at, length)
}

/**
 * A place and a length there, as people choose them. No pair of surrogates is cut in two: Yjs puts U+FFFD for both halves
 * where it happens to split them, so that copies with the same updates in another order differ.
 */
export function pickRange(
  from: Y.Text | Y.Array<unknown>,
  random: Random,
  most = 1,
): [at: number, length: number] {
  const places = placesOf(from)
  const first = random.between(0, places.length)
  const last = Math.min(first + random.between(1, most + 1), places.length - 1)
  return [places[first]!, places[last]! - places[first]!]
}

/** Every index between two characters or embeds, both ends too. */
function placesOf(from: Y.Text | Y.Array<unknown>): number[] {
  if (from instanceof Y.Array) return Array.from({ length: from.length + 1 }, (_, at) => at)
  const places = [0]
  for (const { insert } of from.toDelta() as { insert: unknown }[]) {
    const lengths = typeof insert === 'string' ? Array.from(insert, (each) => each.length) : [1]
    for (const length of lengths) places.push(places.at(-1)! + length)
  }
  return places
}

/** A type within a type: deleted with all that is in it. */
function nest(map: Y.Map<unknown>, random: Random): void {
  const name = `n${random.between(0, 3)}`
  const inner = map.get(name)
  if (inner instanceof Y.Array && random.chance(0.8)) inner.push([random.pick(WORDS)])
  else map.set(name, Y.Array.from([random.pick(WORDS)]))
}
