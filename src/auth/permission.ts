/** What somebody may do with a document; every surface speaks of permissions in these three words. */
export interface Permission {
  /** Opening the document at all. */
  readonly read: boolean
  /** Appending, and creating the document. */
  readonly write: boolean
  /** What a surface reserves: `admin:` keys on zwibbler. */
  readonly admin: boolean
}

/** What a plain document id allows where plain ids are allowed. */
export const readAndWrite: Permission = { read: true, write: true, admin: false }

/** Reads permission letters: `r`, `w` and `a` in any order; other letters mean nothing. */
export function parsePermission(letters: string): Permission {
  return {
    read: letters.includes('r'),
    write: letters.includes('w'),
    admin: letters.includes('a'),
  }
}

/** The letters of a permission, always in the order `rwa`. */
export function lettersOf({ read, write, admin }: Permission): string {
  return `${read ? 'r' : ''}${write ? 'w' : ''}${admin ? 'a' : ''}`
}

export function isSamePermission(one: Permission, other: Permission): boolean {
  return lettersOf(one) === lettersOf(other)
}
