import { expect, test } from 'vitest'
import { encodePublish, makeAnswerReader } from '../../src/redis/wire.ts'

test('a publish is three bulk strings, whatever bytes they hold', () => {
  expect(encodePublish('publish', 'channel-1', Buffer.from('hello')).toString()).toBe(
    '*3\r\n$7\r\nPUBLISH\r\n$9\r\nchannel-1\r\n$5\r\nhello\r\n',
  )
  expect(encodePublish('spublish', '文', new Uint8Array()).toString()).toBe(
    '*3\r\n$8\r\nSPUBLISH\r\n$3\r\n文\r\n$0\r\n\r\n',
  )
  const odd = Buffer.from([13, 10, 0, 255])
  const command = encodePublish('publish', 'a', odd)
  expect(command.subarray(-6)).toEqual(Buffer.from([13, 10, 0, 255, 13, 10]))
  odd.fill(1)
  expect(command.includes(1)).toBe(false)
})

test('answers are read in whichever pieces they come', () => {
  const said = ':0\r\n:12\r\n-MOVED 42 10.0.0.1:7000\r\n:1\r\n-NOPERM ünïcödé\r\n:3\r\n'
  const expected = [
    ...[undefined, undefined, 'MOVED 42 10.0.0.1:7000', undefined, 'NOPERM ünïcödé', undefined],
  ]
  const bytes = Buffer.from(said)
  for (let size = 1; size <= bytes.length; size += 1) {
    const answers: (string | undefined)[] = []
    const read = makeAnswerReader((error) => answers.push(error))
    for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size))
    expect(answers, `in pieces of ${size}`).toEqual(expected)
  }
})
