/**
 * Who may do what, as it is stored: registered tokens, and users whose permission was changed. Permissions are letters
 * here (`auth/permission.ts` reads them). Every method throws `StoreError` when it cannot answer.
 */
import type { AppendId, Epoch } from './ports.ts'

/**
 * Where something stands among all changes of permissions, cluster-wide: the counter is moved by each change, under a
 * lock, so whoever has seen change n has seen every change before it.
 */
export type ChangeNumber = number

export interface Token {
  /** With the surface's prefix. */
  readonly documentId: string
  readonly user: string
  readonly letters: string
  /** By Postgres's clock, at the time of the look-up. */
  readonly isExpired: boolean
  /** The newest change of permissions when this token was registered or changed: later ones override it. */
  readonly change: ChangeNumber
}

export interface NewToken {
  readonly token: string
  readonly documentId: string
  readonly user: string
  readonly letters: string
  readonly expiresAt: Date
  /** The document is created together with the token, in one transaction. */
  readonly document?: { readonly initial: Uint8Array; readonly creationId: AppendId }
}

export type AddedToken = 'added' | 'token exists' | 'document exists'

/** Implemented by `postgres/tokens.ts`. */
export interface TokenStore {
  /** Expired tokens are found, too: they are kept for ever, so that their text never becomes a document id. */
  find(tokens: readonly string[]): Promise<ReadonlyMap<string, Token>>
  /** Registers a token. One that has expired may be registered anew; a valid one is never replaced. */
  add(token: NewToken): Promise<AddedToken>
}

/** Creates a document in the transaction that `Q` queries in. @returns undefined when the id is taken */
export type CreateIn<Q> = (
  query: Q,
  document: { readonly id: string; readonly initial: Uint8Array; readonly creationId: AppendId },
) => Promise<Epoch | undefined>

export interface PermissionChange {
  readonly user: string
  readonly letters: string
  readonly change: ChangeNumber
  /** Milliseconds since 1970 by Postgres's clock. */
  readonly changedAt: number
}

/** Implemented by `postgres/permissions.ts`. */
export interface PermissionStore {
  /** Sets a user's permission and that of all tokens of the user, in one transaction. */
  change(user: string, letters: string): Promise<ChangeNumber>
  /**
   * The changes after `after` that are still in force, oldest first, at most `most`; and the counter.
   * A counter below `after` says that the database went back.
   */
  changes(
    after: ChangeNumber,
    most: number,
  ): Promise<{ readonly last: ChangeNumber; readonly changes: readonly PermissionChange[] }>
}
