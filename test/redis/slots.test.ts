import { expect, test } from 'vitest'
import { slotOf } from '../../src/redis/slots.ts'

test('slots are those of the Redis Cluster specification', () => {
  expect(slotOf('123456789')).toBe(0x31c3)
  expect(slotOf('')).toBe(0)
  expect(slotOf('foo')).toBe(12_182)
  expect(slotOf('Ünïcödé')).toBe(slotOf('x{Ünïcödé}y'))
})

test('only what is in the first pair of braces counts, unless it is nothing', () => {
  expect(slotOf('a{foo}b{bar}')).toBe(slotOf('foo'))
  expect(slotOf('{foo}')).toBe(slotOf('foo'))
  expect(slotOf('{{foo}}')).toBe(slotOf('{foo'))
  expect(slotOf('foo{}{bar}')).not.toBe(slotOf('bar'))
  expect(slotOf('foo{bar')).not.toBe(slotOf('bar'))
})
