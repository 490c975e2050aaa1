import { expect, test } from 'vitest'
import { matches, permissionFor } from '../../src/auth/rooms.ts'
import { lettersOf } from '../../src/auth/permission.ts'

test.each([
  ['plan', 'plan', true],
  ['plan', 'plan2', false],
  ['plan', 'Plan', false],
  ['', '', true],
  ['*', 'plan', true],
  ['*', '', true],
  ['*', 'team/plan', false],
  ['team/*', 'team/plan', true],
  ['team/*', 'team/', true],
  ['team/*', 'team', false],
  ['team/*', 'team/a/b', false],
  ['team/*', 'steam/a', false],
  ['team/**', 'team/a/b', true],
  ['team/**', 'team/', true],
  ['team/**', 'teams', false],
  ['**', 'a//b/', true],
  ['***', 'a/b', true],
  ['*/plan', 'team/plan', true],
  ['**/plan', 'a/b/plan', true],
  ['**/plan', 'plan', false],
  ['a*b*c', 'aXbbYc', true],
  ['a*b*c', 'a/b/c', false],
  ['a.b', 'aXb', false],
  ['my%20room', 'my%20room', true],
  ['my room', 'my%20room', false],
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
  ['\\*\\*', '**', true],
  ['\\*\\*', 'secret', false],
  ['\\\\*', '\\x', true],
  ['a\\', 'a\\', true],
])('%j and %j: %j', (pattern, text, isMatch) => {
  expect(matches(pattern, text)).toBe(isMatch)
})

test('no pattern is slow', () => {
  const from = performance.now()
  expect(matches(`${'*a'.repeat(500)}b`, 'a'.repeat(2_000))).toBe(false)
  expect(performance.now() - from).toBeLessThan(5_000)
})

const letters = (claim: unknown, document: string): string | undefined => {
  const permission = permissionFor(claim, document)
  return permission && lettersOf(permission)
}

test('what all matching patterns allow counts together', () => {
  const claim = { 'team/*': 'rw', '**': 'r', 'other/**': 'rw' }
  expect(letters(claim, 'team/plan')).toBe('rw')
  expect(letters(claim, 'public')).toBe('r')
  expect(letters({ 'team/*': 'r' }, 'public')).toBe('')
  expect(letters({}, 'public')).toBe('')
})

test('a list of patterns allows reading and writing', () => {
  expect(letters(['team/*', 'public'], 'public')).toBe('rw')
  expect(letters(['team/*'], 'public')).toBe('')
  expect(letters([], '')).toBe('')
})

test.each([
  [undefined],
  [null],
  ['**'],
  [7],
  [true],
  [{ '**': 'w' }],
  [{ '**': 'rwx' }],
  [{ '**': true }],
  [{ '**': 'r', a: null }],
  [['**', 7]],
  [[['**', 'rw']]],
])('the claim %j says nothing at all', (claim) => {
  expect(permissionFor(claim, 'plan')).toBeUndefined()
})
