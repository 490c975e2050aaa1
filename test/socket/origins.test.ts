import { expect, test } from 'vitest'
import { makeOriginCheck } from '../../src/socket/origins.ts'

test.each([
  ['', 'board.example', true],
  ['https://board.example', 'board.example', true],
  ['https://Board.Example', 'board.example:3000', true],
  ['http://board.example:8080', 'board.example:3000', true],
  ['http://localhost:5173', 'board.example', true],
  ['http://127.0.0.1:5173', 'board.example', true],
  ['http://[::1]:5173', 'board.example', true],
  ['https://evil.example', 'board.example', false],
  ['https://board.example.evil.example', 'board.example', false],
  ['http://localhost.evil.example', 'board.example', false],
  ['http://127.0.0.1.evil.example', 'board.example', false],
  ['null', 'board.example', false],
  ['rubbish', 'rubbish', false],
  ['https://', '', false],
])('unset: a page of %j at host %j may connect: %s', (origin, host, expected) => {
  expect(makeOriginCheck(undefined)(origin, host)).toBe(expected)
})

test.each([
  ['https://board.example', 'board.example', true],
  ['', 'board.example', true],
  ['http://localhost:5173', 'board.example', false],
  ['http://127.0.0.1:5173', 'board.example', false],
  ['http://127.0.0.1:5173', 'localhost:3000', true],
  ['https://evil.example', 'board.example', false],
])(
  'unset, with authentication: a page of %j at host %j may connect: %s',
  (origin, host, expected) => {
    expect(makeOriginCheck(undefined, true)(origin, host)).toBe(expected)
  },
)

test.each([
  ['', true],
  ['https://board.example', true],
  ['https://BOARD.example:443', true],
  ['http://board.example', false],
  ['https://board.example:8443', false],
  ['https://host.example', false],
  ['http://localhost', false],
  ['null', false],
])('a list: a page of %j may connect: %s', (origin, expected) => {
  expect(makeOriginCheck(['https://board.example/'])(origin, 'host.example')).toBe(expected)
})

test('a star lets every page in', () => {
  const isAllowed = makeOriginCheck(['*'])
  expect(['https://anywhere.example', 'null', ''].every((origin) => isAllowed(origin, 'h'))).toBe(
    true,
  )
})

test('an empty list lets only those in that are no browsers', () => {
  const isAllowed = makeOriginCheck([])
  expect(isAllowed('', 'h')).toBe(true)
  expect(isAllowed('http://h', 'h')).toBe(false)
})
