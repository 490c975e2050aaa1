/** `/documents/<id>` of the admin port: what there is, and versions of Yjs rooms. */
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { RoomOutcome, RoomWish } from '../surfaces/yjs/management.ts'
import { PREFIX as ROOMS } from '../surfaces/yjs/room-name.ts'
import { PREFIX as ZWIBBLER } from '../surfaces/zwibbler/document-ids.ts'
import { type Answer, readJson, Refusal, refusal, type Route } from './answer.ts'

export interface DocumentInfo {
  readonly id: string
  readonly epoch: number
  readonly length: number
  readonly keysVersion: number
  readonly sessions: readonly { readonly node: string; readonly sessions: number }[]
}

export interface DocumentParts {
  /** By its exact id in the store, surface's prefix included. */
  document(id: string): Promise<DocumentInfo | undefined>
  /** The same. Undefined: rooms are not served here. */
  room(id: string, wish: RoomWish): Promise<RoomOutcome | undefined>
}

type DocumentRoute = Route<DocumentParts>

/** The id in one piece, unlike that of a document which is only looked at: it may end as these paths do. */
const VERSIONS = /^\/documents\/([^/]+)\/versions(?:\/(\d{1,15})(?:\/(update|restore))?)?$/
const DOCUMENTS = '/documents/'

export function documentRoute(path: string): DocumentRoute | undefined {
  const [isVersions, id = '', version, what] = VERSIONS.exec(path) ?? []
  if (isVersions !== undefined) return { isOpen: false, methods: versionMethods(id, version, what) }
  if (!path.startsWith(DOCUMENTS)) return undefined
  const whole = path.slice(DOCUMENTS.length)
  const methods = { GET: describe(whole), DELETE: ask(whole, { kind: 'delete' }) }
  return { isOpen: false, methods }
}

function versionMethods(
  id: string,
  number: string | undefined,
  what: string | undefined,
): DocumentRoute['methods'] {
  if (number === undefined) return { GET: ask(id, { kind: 'versions' }), POST: save(id) }
  const version = Number(number)
  if (what === 'update') return { GET: ask(id, { kind: 'read', version }) }
  if (what === 'restore') return { POST: ask(id, { kind: 'restore', version }) }
  return {
    GET: ask(id, { kind: 'version', version }),
    DELETE: ask(id, { kind: 'remove', version }),
  }
}

/** Ids as clients of the zwibbler surface know them are found, too: they have no prefix. */
const describe = (encoded: string) => async (parts: DocumentParts) => {
  const id = decode(encoded)
  const info = (await parts.document(id)) ?? (await parts.document(ZWIBBLER + id))
  return info === undefined ? refusal(404, 'no such document') : { status: 200, body: info }
}

const ask = (encoded: string, wish: RoomWish) => async (parts: DocumentParts) =>
  answerOf(encoded, await parts.room(roomIn(encoded), wish))

const newVersion = z.object({
  // What a line can show.
  name: z.string().trim().min(1).max(200).regex(/^\P{Cc}*$/u), // prettier-ignore
})

const save = (encoded: string) => async (parts: DocumentParts, request: IncomingMessage) => {
  const id = roomIn(encoded)
  const read = newVersion.safeParse(await readJson(request))
  if (!read.success) throw new Refusal(400, 'the body must be {"name": "…"}: 1 to 200 characters')
  return answerOf(encoded, await parts.room(id, { kind: 'save', name: read.data.name }))
}

function answerOf(encoded: string, outcome: RoomOutcome | undefined): Answer {
  switch (outcome?.kind) {
    case undefined:
      return refusal(404, 'this node does not serve yjs')
    case 'versions':
      return { status: 200, body: { versions: outcome.versions } }
    case 'version':
      return { status: 200, body: outcome.version }
    case 'saved': {
      const location = `${DOCUMENTS}${encoded}/versions/${outcome.version.id}`
      return { status: 201, headers: { location }, body: outcome.version }
    }
    case 'update':
      return { status: 200, type: 'application/octet-stream', body: outcome.update }
    case 'restored':
      return { status: 200, body: { updates: outcome.updates } }
    case 'done':
      return { status: 204, body: '' }
    case 'no room':
      return refusal(404, 'no such document')
    case 'no version':
      return refusal(404, 'no such version')
    case 'busy':
      return retry(refusal(409, 'somebody else restores or folds this room just now: try again'))
    case 'unavailable':
      return retry(refusal(503, 'not now; what was asked for may be done in part: ask again'))
  }
}

const retry = (answer: Answer): Answer => ({ ...answer, headers: { 'retry-after': '5' } })

/** @throws Refusal */
function roomIn(encoded: string): string {
  const id = decode(encoded)
  if (!id.startsWith(ROOMS)) throw new Refusal(400, `only Yjs rooms can be asked this: ${ROOMS}…`)
  return id
}

/** @throws Refusal */
function decode(encoded: string): string {
  try {
    const id = decodeURIComponent(encoded)
    if (!id.includes('\0')) return id
  } catch {
    // told below
  }
  throw new Refusal(400, 'the document id is not percent-encoded UTF-8')
}
