import { describe, expect, test } from 'vitest'
import { parseDate } from '../../../src/surfaces/zwibbler/management-dates.ts'
import { readForm } from '../../../src/surfaces/zwibbler/management-form.ts'
import type { Form } from '../../../src/surfaces/zwibbler/management-form.ts'
import { makeRequest } from './support.ts'

const urlencoded = 'application/x-www-form-urlencoded'
const read = (body: string | Uint8Array, type: string, query = ''): Promise<Form> =>
  readForm(makeRequest({ body, query, headers: { 'content-type': type } }), 1_000)

/** A multipart body by hand, so that its bytes are known. */
function multipart(
  parts: { name: string; file?: string; type?: string; data: Uint8Array }[],
): Buffer {
  const pieces = parts.flatMap(({ name, file, type, data }) => [
    Buffer.from(
      `--B\r\nContent-Disposition: form-data; name="${name}"${file === undefined ? '' : `; filename="${file}"`}\r\n` +
        `${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n`,
    ),
    data,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...pieces, Buffer.from('--B--\r\n')])
}
const multipartType = 'multipart/form-data; boundary=B'
const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)

describe('[zwibbler 13] an urlencoded form', () => {
  test('keeps every byte, whichever are written as they are', async () => {
    const all = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    expect((await read(`contents=${all}`, urlencoded)).contents('contents')).toEqual(
      Buffer.from(bytes),
    )
    const raw = Buffer.concat([Buffer.from('contents='), Uint8Array.of(0xff, 0x00, 0xc3)])
    expect([...(await read(raw, urlencoded)).contents('contents')]).toEqual([0xff, 0x00, 0xc3])
  })

  test('reads names and values as forms write them, the first of equal names', async () => {
    const form = await read('%61=1+2%2b&a=2&b=x=y&c&d=%zz', `${urlencoded}; charset=utf-8`)
    expect(['a', 'b', 'c', 'd', 'e'].map((name) => form.text(name))).toEqual([
      '1 2+',
      'x=y',
      '',
      '%zz',
      '',
    ])
  })

  test('goes before the query string, which counts too', async () => {
    const form = await read('a=body', urlencoded, 'a=query&b=query')
    expect([form.text('a'), form.text('b')]).toEqual(['body', 'query'])
  })
})

describe('[zwibbler 13] a multipart form', () => {
  test('keeps every byte of fields and of files', async () => {
    for (const part of [{}, { file: 'x.bin' }, { type: 'text/plain; charset=utf-8' }]) {
      const body = multipart([{ name: 'contents', data: bytes, ...part }])
      expect(Buffer.from((await read(body, multipartType)).contents('contents'))).toEqual(
        Buffer.from(bytes),
      )
    }
  })

  test('a field goes before a file, and a file is no text', async () => {
    const body = multipart([
      { name: 'contents', file: 'x', data: Buffer.from('file') },
      { name: 'contents', data: Buffer.from('field') },
      { name: 'method', file: 'x', data: Buffer.from('createDocument') },
    ])
    const form = await read(body, multipartType)
    expect(Buffer.from(form.contents('contents')).toString()).toBe('field')
    expect(form.text('method')).toBe('')
  })

  test('comes after the query string', async () => {
    const body = multipart([{ name: 'a', data: Buffer.from('body') }])
    expect((await read(body, multipartType, 'a=query')).text('a')).toBe('query')
  })

  test('of a real client is understood', async () => {
    const data = new FormData()
    data.set('documentID', 'dö"c')
    data.set('contents', new Blob([bytes]), 'x.zwib')
    const sent = new Response(data)
    const body = new Uint8Array(await sent.arrayBuffer())
    const form = await read(body, sent.headers.get('content-type')!)
    expect(form.text('documentID')).toBe('dö"c')
    expect(form.contents('contents')).toHaveLength(256)
  })

  test.each([
    ['without a boundary', 'multipart/form-data', Buffer.from('x')],
    [
      'that ends in the middle',
      multipartType,
      multipart([{ name: 'a', data: bytes }]).subarray(0, 99),
    ],
    ['that is something else', multipartType, Buffer.from('a=1')],
  ])('%s is 400', async (_, type, body) => {
    await expect(read(body, type)).rejects.toMatchObject({
      answer: { status: 400, headers: { Status: 'Malformed form' } },
    })
  })

  test('with a file above the limit is 413', async () => {
    const body = multipart([{ name: 'contents', file: 'x', data: Buffer.alloc(1_001) }])
    const form = await read(body, multipartType)
    expect(() => form.contents('contents')).toThrow('contents is too large')
  })
})

test('bytes in the query that were not UTF-8 are refused, never stored as something else', async () => {
  const form = await read('', urlencoded, 'contents=%ff&documentID=%ff')
  expect(() => form.contents('contents')).toThrow('Invalid contents')
  expect(() => form.text('documentID')).toThrow('Invalid documentID')
})

describe('[zwibbler 13] dates in the RFC 1123 form', () => {
  test.each([
    ['Sat, 21 Nov 2026 02:27:40 GMT', '2026-11-21T02:27:40.000Z'],
    ['Sat, 21 Nov 2026 02:27:40 UTC', '2026-11-21T02:27:40.000Z'],
    ['Sat, 21 Nov 2026 02:27:40 +0000', '2026-11-21T02:27:40.000Z'],
    ['Sat, 21 Nov 2026 02:27:40 +0130', '2026-11-21T00:57:40.000Z'],
    ['Thu, 29 Feb 2024 23:59:59 GMT', '2024-02-29T23:59:59.000Z'],
    ['Fri, 31 Dec 9999 23:59:59 GMT', '9999-12-31T23:59:59.000Z'],
  ])('%s', (text, iso) => {
    expect(parseDate(text)?.toISOString()).toBe(iso)
  })

  test.each([
    '',
    '2026-11-21T02:27:40Z',
    'Sat, 21 Nov 2026 02:27:40',
    'Sat, 21 Nov 2026 02:27:40 EST',
    'Sat, 31 Nov 2026 02:27:40 GMT',
    'Sat, 29 Feb 2025 02:27:40 GMT',
    'Sat, 21 Nov 2026 24:00:00 GMT',
    'Sat, 21 Nov 2026 02:60:40 GMT',
    'Sat, 21 Nov 2026 02:27:40 +9999',
    'Sat, 21 Foo 2026 02:27:40 GMT',
    'Xxx, 21 Nov 2026 02:27:40 GMT',
    'Sat, 21 Nov 2026 02:27:40 GMT and more',
  ])('%j is none', (text) => {
    expect(parseDate(text)).toBeUndefined()
  })
})
