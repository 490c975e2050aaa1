/** How often one client had to come back since the step began, and for how long it was away. */
export function makeAbsences() {
  let isHere = false
  let lostAt
  let reconnects = 0
  let longestMs = 0
  return {
    here() {
      if (isHere) return
      isHere = true
      if (lostAt === undefined) return
      reconnects++
      longestMs = Math.max(longestMs, performance.now() - lostAt)
    },
    lost() {
      if (isHere) lostAt = performance.now()
      isHere = false
    },
    begin() {
      reconnects = 0
      longestMs = 0
    },
    read: () => ({ isHere, reconnects, longestMs }),
  }
}
