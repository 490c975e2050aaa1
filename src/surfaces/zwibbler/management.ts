/** The management API (spec 13): who asks, what for, and how failures are told. Its methods: `management-methods.ts`. */
import { StoreError } from '../../core/errors.ts'
import type { HttpAnswer, HttpRequest } from '../surface.ts'
import { readForm, Refusal } from './management-form.ts'
import { makeLogin } from './management-login.ts'
import type { Credentials } from './management-login.ts'
import { makeMethods } from './management-methods.ts'
import type { MethodsOptions } from './management-methods.ts'

export interface ManagementOptions extends MethodsOptions {
  /** Without them every request is answered with 401. */
  readonly credentials: Credentials | undefined
  /** Bytes of the largest `contents`. */
  readonly maxContentsBytes: number
}

/**
 * Answers a `POST`. Credentials are asked for before anything else is looked at, the body included.
 * @throws what `request.body` throws, and whatever is a bug
 */
export function makeManagement(
  options: ManagementOptions,
): (request: HttpRequest) => Promise<HttpAnswer> {
  const { log, maxContentsBytes } = options
  const checkLogin = makeLogin(options.credentials)
  const methods = makeMethods(options)

  async function answer(request: HttpRequest): Promise<HttpAnswer> {
    const login = checkLogin(request.headers.get('authorization'))
    if (!login.isRight) {
      log.warn(
        { request: request.id, user: login.user },
        'a management request was refused: wrong credentials',
      )
      throw new Refusal(401, 'Unauthorized')
    }
    const form = await readForm(request, maxContentsBytes)
    const name = form.text('method')
    const method = methods.get(name)
    if (!method) throw new Refusal(400, "Unknown 'method' parameter")
    const document = form.text('documentID')
    log.info({ request: request.id, method: name, document }, 'management request')
    return await method(form)
  }

  return async (request) => {
    try {
      return await answer(request)
    } catch (error) {
      if (error instanceof Refusal) return error.answer
      if (!(error instanceof StoreError)) throw error
      log.error({ request: request.id, err: error }, 'a management request failed')
      // The store's own words may name hosts (spec 18.21).
      return { status: 500, headers: { Status: 'storage unavailable' } }
    }
  }
}
