import { createHmac, generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { issuedAt, makeJwtVerifier, readJwtKey, textClaim } from '../../src/auth/jwt.ts'

const NOW_S = 1_800_000_000
const key = readJwtKey('a secret', false)
const verify = makeJwtVerifier(key, () => NOW_S * 1_000)

function sign(claims: object, algorithm = 'HS256', secret: Uint8Array = key): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: algorithm }).sign(secret)
}

/** By hand, for what a library would not sign. */
function signRaw(header: string, payload: string): string {
  const text = [header, payload].map((part) => Buffer.from(part).toString('base64url')).join('.')
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

const good = { sub: 'doc', u: 'ann', p: 'rw', exp: NOW_S + 60 }
const malformed = (message: string): object => ({ kind: 'malformed', message })
const denied = { kind: 'denied' }

describe('[zwibbler 12] JWT', () => {
  test.each(['HS256', 'HS384', 'HS512'])('%s signed with our key is good', async (algorithm) => {
    expect(await verify(await sign(good, algorithm))).toEqual({ kind: 'valid', claims: good })
  })

  test('short keys work, and the header need not say what type it is', async () => {
    const short = readJwtKey('k', false)
    const token = await sign(good, 'HS256', short)
    expect((await makeJwtVerifier(short, () => NOW_S * 1_000)(token)).kind).toBe('valid')
  })

  test.each(['doc1', '', 'a.b', 'a.b.c.d'])('%j has the wrong number of segments', async (text) => {
    expect(await verify(text)).toEqual(malformed('token contains an invalid number of segments'))
  })

  test('signing methods without the shared secret are refused, whatever they sign', async () => {
    const none = signRaw('{"alg":"none"}', JSON.stringify(good))
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const rsa = await new SignJWT(good).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
    expect(await verify(none)).toEqual(malformed('unexpected signing method'))
    expect(await verify(rsa)).toEqual(malformed('unexpected signing method'))
  })

  test.each([
    ['a header that is no JSON', signRaw('{', '{}')],
    ['a header without alg', signRaw('{}', '{}')],
    ['a critical extension', signRaw('{"alg":"HS256","crit":["x"],"x":1}', '{}')],
    ['claims that are no JSON', signRaw('{"alg":"HS256"}', '{')],
    ['claims that are no object', signRaw('{"alg":"HS256"}', '[]')],
    ['an expiry that is no number', signRaw('{"alg":"HS256"}', '{"exp":"9999999999"}')],
    ['an expiry at the end of all numbers', signRaw('{"alg":"HS256"}', '{"exp":1e999}')],
    ['three parts of nothing', '..'],
  ])('%s is malformed', async (_, token) => {
    expect(await verify(token)).toEqual(malformed('token is malformed'))
  })

  test('a wrong signature is denied, also when only a byte of the claims was changed', async () => {
    expect(await verify(await sign(good, 'HS256', readJwtKey('other', false)))).toEqual(denied)
    const [header, , signature] = (await sign(good)).split('.')
    const forged = Buffer.from(JSON.stringify({ ...good, p: 'rwa' })).toString('base64url')
    expect(await verify([header, forged, signature].join('.'))).toEqual(denied)
  })

  test('expired or without expiry is denied, to the second', async () => {
    expect(await verify(await sign({ ...good, exp: NOW_S }))).toEqual(denied)
    expect((await verify(await sign({ ...good, exp: NOW_S + 1 }))).kind).toBe('valid')
    expect(await verify(signRaw('{"alg":"HS256"}', '{"sub":"doc","p":"rw"}'))).toEqual(denied)
    expect(await verify(signRaw('{"alg":"HS256"}', '{"sub":"doc","exp":null}'))).toEqual(denied)
  })

  test('nbf and iat are checked, with five seconds for the clock of the issuer', async () => {
    const late = { ...good, nbf: NOW_S + 6 }
    expect(await verify(await sign(late))).toEqual(malformed('token is not valid yet'))
    const unborn = { ...good, iat: NOW_S + 6 }
    expect(await verify(await sign(unborn))).toEqual(malformed('token used before issued'))
    const soon = { ...good, nbf: NOW_S + 5, iat: NOW_S + 5 }
    expect((await verify(await sign(soon))).kind).toBe('valid')
  })

  test('a token that is both early and wrongly signed is denied: nothing in it can be believed', async () => {
    const token = await sign({ ...good, nbf: NOW_S + 60 }, 'HS256', readJwtKey('other', false))
    expect(await verify(token)).toEqual(denied)
  })
})

describe('the JWT key', () => {
  test('is the text itself, or what it is the base64 of, in either alphabet', () => {
    expect(Buffer.from(readJwtKey('YWI=', false)).toString()).toBe('YWI=')
    expect(Buffer.from(readJwtKey('YWI=', true)).toString()).toBe('ab')
    expect(Buffer.from(readJwtKey('YWI', true)).toString()).toBe('ab')
    expect(readJwtKey('-_-_', true)).toEqual(readJwtKey('+/+/', true))
  })

  test.each(['not base64!', 'abcde', ''])('%j is refused as base64', (text) => {
    expect(() => readJwtKey(text, true)).toThrow('JWT key')
  })

  test('may not be empty', () => {
    expect(() => readJwtKey('', false)).toThrow('empty')
  })
})

test('claims that are texts may be missing, and may not be anything else', () => {
  expect(textClaim({}, 'u')).toBe('')
  expect(textClaim({ u: null }, 'u')).toBe('')
  expect(textClaim({ u: 'ann' }, 'u')).toBe('ann')
  expect(textClaim({ u: 7 }, 'u')).toBeUndefined()
  expect(issuedAt({ iat: 5 })).toBe(5)
  expect(issuedAt({})).toBeUndefined()
})
