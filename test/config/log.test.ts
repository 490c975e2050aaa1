import { expect, test } from 'vitest'
import { makeLog, redactUrl } from '../../src/log.ts'

function record(secrets: readonly string[] = []) {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  return { lines, log: makeLog({ level: 'info', secrets, destination }) }
}

test('a line is JSON with the level in words, the time and the message', () => {
  const { lines, log } = record()
  log.info({ document: 'zwibbler/a' }, 'listening')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'info',
    msg: 'listening',
    document: 'zwibbler/a',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
  })
})

test.each([
  ['a password in a URL', 'cannot reach postgres://lena:hush@db/x'],
  ['a JWT', 'refused eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodXNoIn0.hush-hush_hush'],
  ['a bearer key', 'authorization: Bearer hushhush'],
  ['basic credentials', 'Authorization: Basic aHVzaGh1c2g='],
  ['a token in a query', 'GET /socket?compression=0&token=hush'],
])('%s never reaches the log, in whatever text', (_, text) => {
  const { lines, log } = record()
  log.warn({ error: new Error(text), text, deep: { deeper: { text } } }, text)
  expect(lines[0]).toContain('***')
  expect(lines[0]).not.toMatch(/hush|aHVzaGh1c2g|eyJ/)
  expect(() => JSON.parse(lines[0] ?? '') as unknown).not.toThrow()
})

test('fields that are secrets by their names are hidden', () => {
  const { lines, log } = record()
  log.info({ token: 'hush', request: { authorization: 'hush', password: 'hush' } }, 'joined')
  expect(lines[0]).not.toContain('hush')
})

test('the secrets of the configuration are hidden wherever they stand, escaped or not', () => {
  const secret = 'hu"sh / hush'
  const { lines, log } = record([secret, ''])
  log.info({ text: `it is ${secret}`, url: `http://x/?q=${encodeURIComponent(secret)}` }, secret)
  expect(lines[0]).not.toMatch(/hu.{0,4}sh/)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: '***', text: 'it is ***' })
})

test('a URL is shown without its password', () => {
  expect(redactUrl('postgres://lena:hush@db:5432/x')).toBe('postgres://lena:***@db:5432/x')
  expect(redactUrl('redis://cache:6379')).toBe('redis://cache:6379')
  expect(redactUrl('hush')).toBe('(not a URL)')
})
