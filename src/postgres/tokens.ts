/** Registered tokens in Postgres, by their SHA-256. The port and its promises: `core/access.ts`. */
import { createHash } from 'node:crypto'
import type { AddedToken, CreateIn, NewToken, Token, TokenStore } from '../core/access.ts'
import type { Lane, Query } from './pool.ts'

const FIND = {
  name: 'find-tokens',
  text: `select digest, document_id, user_id, permissions, expires_at <= now(), change
    from tokens where digest = any ($1::bytea[])`,
}

/**
 * The counter is read without its lock: a change of the same user that commits meanwhile has a higher number than the
 * one stored here, so it overrides this token, as it does when the token came first.
 */
const ADD = {
  name: 'add-token',
  text: `insert into tokens as t (digest, document_id, user_id, permissions, expires_at, change)
    select $1, $2, $3, $4, $5::timestamptz, last from permission_changes
    on conflict (digest) do update set document_id = excluded.document_id, user_id = excluded.user_id,
      permissions = excluded.permissions, expires_at = excluded.expires_at, change = excluded.change
      where t.expires_at <= now()
    returning 1`,
}

export interface TokenStoreOptions {
  readonly lane: Lane
  readonly createDocument: CreateIn<Query>
}

export function makeTokenStore({ lane, createDocument }: TokenStoreOptions): TokenStore {
  return {
    async find(tokens) {
      const asked = new Map(tokens.map((token) => [digestOf(token).toString('hex'), token]))
      const digests = [...asked.keys()].map((hex) => Buffer.from(hex, 'hex'))
      const found = new Map<string, Token>()
      for (const row of await lane.query(FIND, [digests])) {
        const [digest, documentId, user, letters, isExpired, change] = row as TokenRow
        const token = asked.get(digest.toString('hex'))
        if (token !== undefined) found.set(token, { documentId, user, letters, isExpired, change })
      }
      return found
    },
    add: (token) => add(lane, createDocument, token),
  }
}

type TokenRow = readonly [Buffer, string, string, string, boolean, number]

/** Ends the transaction without its insert. */
class Taken extends Error {}

async function add(
  lane: Lane,
  createDocument: CreateIn<Query>,
  token: NewToken,
): Promise<AddedToken> {
  const { document } = token
  if (!document) return await insert((statement, values) => lane.query(statement, values), token)
  try {
    return await lane.transaction(async (query) => {
      const added = await insert(query, token)
      if (added !== 'added') return added
      const epoch = await createDocument(query, { id: token.documentId, ...document })
      if (epoch === undefined) throw new Taken('the document exists')
      return added
    })
  } catch (error) {
    if (error instanceof Taken) return 'document exists'
    throw error
  }
}

async function insert(query: Query, token: NewToken): Promise<'added' | 'token exists'> {
  const { documentId, user, letters, expiresAt } = token
  const values = [digestOf(token.token), documentId, user, letters, expiresAt.toISOString()]
  const rows = await query(ADD, values)
  return rows.length > 0 ? 'added' : 'token exists'
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest()
}
