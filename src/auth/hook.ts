/**
 * One question to the application's HTTP hook: who is this, and what may they do with this document? `POST` with JSON; 200 with
 * `{user?, permission: 'r' | 'rw' | '', expiresIn?}`, 401 or 403. Every other answer is none.
 */
import { z } from 'zod'
import type { GateRequest } from './gate.ts'
import { textOf, withoutUser } from './http.ts'
import { parsePermission } from './permission.ts'
import type { Permission } from './permission.ts'

export interface HookOptions {
  readonly url: string
  readonly timeoutMs: number
  /** How long an answer is good for the same question. */
  readonly cacheMs: number
  /** How often it is asked again while a connection lasts. */
  readonly recheckMs: number
  /** How long a connection may last while the hook does not answer. */
  readonly graceMs?: number
}

export type HookAnswer =
  | {
      readonly kind: 'granted'
      readonly user?: string
      readonly permission: Permission
      /** Milliseconds since 1970: it must be asked again then. */
      readonly expiresAt?: number
    }
  | { readonly kind: 'denied'; readonly reason: 'unauthenticated' | 'forbidden' }
  | { readonly kind: 'unavailable'; readonly error: unknown }

/**
 * Headers of the handshake, and those that differ with each request of one client: with them no two questions would be equal.
 */
const OF_THE_REQUEST =
  /^(connection|upgrade|keep-alive|te|transfer-encoding|content-.+|proxy-.+|sec-websocket-.+|cache-control|pragma|if-.+|traceparent|tracestate|baggage|x-b3-.+|b3|x-request-id|x-request-start|x-correlation-id|x-amzn-trace-id|x-cloud-trace-context|cf-ray)$/
const MAX_ANSWER = 65_536

const grant = z.object({
  user: z.string().max(1_024).nullish(),
  permission: z.enum(['', 'r', 'rw']),
  expiresIn: z.number().min(1).max(1e9).nullish(),
})

/** The body of the question. Equal bodies are one question. */
export function questionOf({ surface, document, query, headers, protocols }: GateRequest): string {
  const passedOn = [...headers].filter(([name]) => !OF_THE_REQUEST.test(name)).sort(byName)
  return JSON.stringify({
    surface,
    document,
    query: textsOf(query),
    headers: Object.fromEntries(passedOn),
    protocols,
  })
}

const byName = ([one]: readonly [string, string], [other]: readonly [string, string]): number =>
  one < other ? -1 : 1

/** A name that comes twice has its first value. */
function textsOf(query: URLSearchParams): Readonly<Record<string, string>> {
  return Object.fromEntries([...query].reverse())
}

/** Never rejects. */
export function makeHook(
  { url, timeoutMs }: Pick<HookOptions, 'url' | 'timeoutMs'>,
  now: () => number,
): (question: string) => Promise<HookAnswer> {
  const target = withoutUser(url)
  const headers = {
    ...target.headers,
    'content-type': 'application/json',
    accept: 'application/json',
  }

  async function ask(question: string): Promise<HookAnswer> {
    const response = await fetch(target.url, {
      method: 'POST',
      headers,
      body: question,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const { status } = response
    if (status === 200) return read(await textOf(response, MAX_ANSWER))
    await response.body?.cancel()
    if (status === 401) return { kind: 'denied', reason: 'unauthenticated' }
    if (status === 403) return { kind: 'denied', reason: 'forbidden' }
    throw new Error(`the hook answers with status ${status}`)
  }

  function read(text: string): HookAnswer {
    const { user, permission, expiresIn } = grant.parse(JSON.parse(text))
    if (permission === '') return { kind: 'denied', reason: 'forbidden' }
    return {
      kind: 'granted',
      ...(user ? { user } : {}),
      permission: parsePermission(permission),
      ...(expiresIn ? { expiresAt: now() + expiresIn * 1_000 } : {}),
    }
  }

  return async (question) => {
    try {
      return await ask(question)
    } catch (error) {
      return { kind: 'unavailable', error }
    }
  }
}
