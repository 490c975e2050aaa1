/** The gate of applications that are asked over HTTP. */
import { makeAsker } from './asker.ts'
import type { Admission, Gate, Surroundings } from './gate.ts'
import { makeHook, questionOf } from './hook.ts'
import type { HookOptions } from './hook.ts'
import { makeRecheck } from './recheck.ts'
import { makeTrouble } from './trouble.ts'

export interface HookGateOptions extends Surroundings {
  readonly hook: HookOptions
}

const GRACE_MS = 300_000

const texts = {
  unauthenticated: 'not signed in',
  forbidden: 'access denied',
} as const

export function makeHookGate({ hook, log, meter, now = Date.now }: HookGateOptions): Gate {
  const trouble = makeTrouble(log, 'answers of AUTH_HOOK_URL')
  const call = makeHook(hook, now)
  const { ask, askAnew } = makeAsker({
    async ask(question) {
      const began = performance.now()
      const answer = await call(question)
      const result = answer.kind === 'unavailable' ? 'failed' : 'answered'
      meter?.authRequest('hook', result, (performance.now() - began) / 1000)
      if (answer.kind === 'unavailable') trouble.failed(answer.error)
      else trouble.over()
      return answer
    },
    cacheMs: hook.cacheMs,
    patienceMs: hook.timeoutMs,
    now,
    onQuestion: (source) => meter?.authQuestion(source),
  })
  const recheck = makeRecheck({
    ask: askAnew,
    everyMs: hook.recheckMs,
    graceMs: hook.graceMs ?? GRACE_MS,
    now,
  })

  return {
    async admit(request): Promise<Admission> {
      const answer = await ask(questionOf(request))
      switch (answer.kind) {
        case 'granted':
          return answer
        case 'denied':
          return { ...answer, text: texts[answer.reason] }
        case 'unavailable':
          return { kind: 'unavailable' }
      }
    },
    watch: (request, { user, permission, expiresAt }, listener) =>
      recheck(questionOf(request), { user, permission, expiresAt }, listener),
  }
}
