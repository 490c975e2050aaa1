/** Registered tokens as the command line sees them. Only digests are stored, so a list cannot show the tokens themselves. */
import { createHash } from 'node:crypto'
import type { AddedToken, NewToken } from '../core/access.ts'
import { makePools } from './pool.ts'
import { makeTokenStore } from './tokens.ts'

export interface ListedToken {
  /** Beginning of the digest, enough to name it. */
  readonly id: string
  /** With the surface's prefix. */
  readonly documentId: string
  readonly user: string
  readonly letters: string
  readonly expiresAt: Date
}

export interface TokenBook {
  add(token: NewToken): Promise<AddedToken>
  /** Those that have not expired, of one document or of all. */
  list(documentId: string | undefined): Promise<readonly ListedToken[]>
  /**
   * Ends a token. Its row stays: once gone, its text would be the id of a new document.
   * @param token itself, or its id from the list
   * @returns false when there is none that is in force
   */
  expire(token: string): Promise<boolean>
  close(): Promise<void>
}

const LIST = {
  name: 'list-tokens',
  text: `select left(encode(digest, 'hex'), 16), document_id, user_id, permissions, expires_at
    from tokens where expires_at > now() and ($1::text is null or document_id = $1)
    order by document_id, expires_at`,
}

const EXPIRE = {
  name: 'expire-token',
  text: `update tokens set expires_at = now()
    where (digest = $1 or left(encode(digest, 'hex'), 16) = $2) and expires_at > now() returning 1`,
}

const STATEMENT_MS = 10_000

/** @throws StoreError from every method when the database does not answer */
export function openTokens(url: string): TokenBook {
  const pools = makePools({
    url,
    statementMs: STATEMENT_MS,
    // Each is used once or so, and a pooler might be in between.
    prepares: false,
    sizes: { appends: 1, alone: 1, reads: 1, others: 1 },
    onServerChange: () => undefined,
    onError: () => undefined,
    onWait: () => undefined,
  })
  const lane = pools.others
  const store = makeTokenStore({ lane, createDocument: () => Promise.resolve(undefined) })
  return {
    add: (token) => store.add(token),
    async list(documentId) {
      const rows = await lane.query(LIST, [documentId ?? null])
      return rows.map((row) => {
        const [id, document, user, letters, expiresAt] = row as [
          string,
          string,
          string,
          string,
          Date,
        ]
        return { id, documentId: document, user, letters, expiresAt }
      })
    },
    async expire(token) {
      const digest = createHash('sha256').update(token, 'utf8').digest()
      return (await lane.query(EXPIRE, [digest, token])).length > 0
    },
    close: () => pools.close(),
  }
}
