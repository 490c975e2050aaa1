/**
 * Who of several overloaded nodes may be unready. Load is mostly spread evenly: were all of them to leave at once, clients
 * would find nobody, and the last ones to leave would have had everybody else's. So a third of the nodes may, one at least,
 * and whoever was overloaded first comes first.
 */

export interface Claim {
  /** A name that no other node has. */
  readonly node: string
  /** Since when it is overloaded, by its own clock: milliseconds since 1970. */
  readonly since: number
}

export interface Claims {
  heard(claim: Claim, now: number): void
  /** @param nodes how many there are, this one included */
  mayLeave(own: Claim, nodes: number, now: number): boolean
}

/** A claim that was not renewed for so long is over. */
const KEPT_MS = 4_000

export function makeClaims(): Claims {
  const claims = new Map<string, Claim & { readonly heardAt: number }>()
  return {
    heard(claim, now) {
      const known = claims.get(claim.node)
      // Threads of one process have one name; the first of them counts.
      const since = known ? Math.min(known.since, claim.since) : claim.since
      claims.set(claim.node, { node: claim.node, since, heardAt: now })
    },
    mayLeave(own, nodes, now) {
      for (const { node, heardAt } of claims.values()) {
        if (now - heardAt > KEPT_MS) claims.delete(node)
      }
      const before = [...claims.values()].filter((other) => isBefore(other, own))
      return before.length < Math.max(1, Math.floor(nodes / 3))
    },
  }
}

function isBefore(one: Claim, other: Claim): boolean {
  if (one.node === other.node) return false
  return one.since < other.since || (one.since === other.since && one.node < other.node)
}
