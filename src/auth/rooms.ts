/**
 * Patterns of documents in a token's `rooms` claim: `*` is any text without a slash, `**` any text; both may be empty. `\*` and
 * `\\` are the characters themselves.
 */
import type { Permission } from './permission.ts'
import { parsePermission } from './permission.ts'

/**
 * @param claim patterns and what each allows, `{"team/*": "rw", "public/**": "r"}`, or a list of patterns that allow both
 * @returns what all matching patterns allow together; undefined when the claim is neither
 */
export function permissionFor(claim: unknown, document: string): Permission | undefined {
  const rights = rightsOf(claim)
  if (rights === undefined) return undefined
  const matching = rights.filter(([pattern]) => matches(pattern, document))
  return parsePermission(matching.map(([, letters]) => letters).join(''))
}

type Right = readonly [pattern: string, letters: string]

function rightsOf(claim: unknown): readonly Right[] | undefined {
  if (typeof claim !== 'object' || claim === null) return undefined
  const rights: (readonly [unknown, unknown])[] = Array.isArray(claim)
    ? claim.map((pattern: unknown) => [pattern, 'rw'] as const)
    : Object.entries(claim)
  return rights.every(isRight) ? rights : undefined
}

function isRight(right: readonly [unknown, unknown]): right is Right {
  return typeof right[0] === 'string' && (right[1] === 'r' || right[1] === 'rw')
}

type Part = { readonly any: 'segment' | 'text' } | { readonly character: string }

function partsOf(pattern: string): Part[] {
  const parts = pattern.match(/\\[*\\]|\*+|[^]/g) ?? []
  return parts.map((part) => {
    if (part.startsWith('*')) return { any: part === '*' ? 'segment' : 'text' }
    return { character: part.length === 2 ? part[1]! : part }
  })
}

/** Follows all ways to match at once, so that no pattern can make it slow. */
export function matches(pattern: string, text: string): boolean {
  const parts = partsOf(pattern)
  let reached = withSkips(new Set([0]), parts)
  for (const character of text.split('')) {
    const next = [...reached].flatMap((at) => stepsFrom(at, parts[at], character))
    if (next.length === 0) return false
    reached = withSkips(new Set(next), parts)
  }
  return reached.has(parts.length)
}

function stepsFrom(at: number, part: Part | undefined, character: string): number[] {
  if (part === undefined) return []
  if ('character' in part) return part.character === character ? [at + 1] : []
  return part.any === 'segment' && character === '/' ? [] : [at]
}

/** A wildcard may match nothing. A set is walked in the order of insertion, also over what is added meanwhile. */
function withSkips(reached: Set<number>, parts: readonly Part[]): Set<number> {
  for (const at of reached) {
    const part = parts[at]
    if (part !== undefined && 'any' in part) reached.add(at + 1)
  }
  return reached
}
