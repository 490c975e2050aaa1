/** What each method of the management API does (spec 13). */
import { randomInt } from 'node:crypto'
import type { Permission } from '../../auth/permission.ts'
import { lettersOf, parsePermission } from '../../auth/permission.ts'
import type { TokenStore } from '../../core/access.ts'
import type { Log } from '../../core/log.ts'
import type { DocumentStore, Epoch } from '../../core/ports.ts'
import type { HttpAnswer } from '../surface.ts'
import { MAX_TOKEN } from './authorize.ts'
import { PREFIX } from './document-ids.ts'
import { parseDate } from './management-dates.ts'
import { makeDump } from './management-dump.ts'
import type { Form } from './management-form.ts'
import { Refusal, requiredId } from './management-form.ts'

export interface MethodsOptions {
  readonly store: Pick<DocumentStore, 'open' | 'find' | 'read' | 'remove'>
  readonly tokens: Pick<TokenStore, 'add'>
  /** `Permissions.change`: reaches every node's sessions. */
  readonly changePermission: (user: string, permission: Permission) => Promise<void>
  /** A document (id with prefix) was deleted: sessions everywhere get error 1, and the idle event is due. */
  readonly documentDeleted: (epoch: Epoch, id: string) => Promise<void> | void
  /** Bytes that dumps hold in memory at a time, all together; a larger document cannot be dumped. */
  readonly maxDumpBytes: number
  readonly log: Log
}

export type Method = (form: Form) => Promise<HttpAnswer>

const ok: HttpAnswer = { status: 200 }
const missing: HttpAnswer = { status: 404 }
const exists: HttpAnswer = { status: 409 }

export function makeMethods(options: MethodsOptions): ReadonlyMap<string, Method> {
  const { store, tokens, changePermission, documentDeleted } = options
  const dump = makeDump(store, options.maxDumpBytes)

  async function createDocument(form: Form): Promise<HttpAnswer> {
    const id = documentId(form)
    const initial = form.contents('contents')
    if (initial.length === 0) throw new Refusal(400, 'Missing contents')
    const request = { id, creation: 'must', initial, creationId: newId() } as const
    const result = await store.open(request)
    return result.kind === 'exists' ? exists : ok
  }

  async function deleteDocument(form: Form): Promise<HttpAnswer> {
    const id = documentId(form)
    const epoch = await store.remove(id)
    if (epoch !== undefined) await documentDeleted(epoch, id)
    return ok
  }

  async function dumpDocument(form: Form): Promise<HttpAnswer> {
    const document = await store.find(documentId(form))
    return document ? await dump(document) : missing
  }

  async function checkDocument(form: Form): Promise<HttpAnswer> {
    return (await store.find(documentId(form))) ? ok : missing
  }

  async function addToken(form: Form): Promise<HttpAnswer> {
    const id = documentId(form)
    const token = form.required('token')
    if (Buffer.byteLength(token) > MAX_TOKEN) throw new Refusal(400, 'Invalid token')
    const user = requiredId(form, 'userID')
    const expiresAt = parseDate(form.required('expiration'))
    if (!expiresAt) throw new Refusal(400, 'Incorrect expires format')
    const initial = form.contents('contents')
    const added = await tokens.add({
      token,
      documentId: id,
      user,
      letters: lettersOf(parsePermission(form.text('permissions'))),
      expiresAt,
      ...(initial.length > 0 && { document: { initial, creationId: newId() } }),
    })
    return added === 'added' ? ok : exists
  }

  async function updateUser(form: Form): Promise<HttpAnswer> {
    const user = requiredId(form, 'userID')
    await changePermission(user, parsePermission(form.text('permissions')))
    return ok
  }

  const methods: Record<string, Method> = {
    createDocument,
    deleteDocument,
    dumpDocument,
    checkDocument,
    addToken,
    updateUser,
  }
  return new Map(Object.entries(methods))
}

function documentId(form: Form): string {
  return `${PREFIX}${requiredId(form, 'documentID')}`
}

/** Recognises a creation; below 2^53. */
function newId(): number {
  return randomInt(2 ** 48 - 1)
}
