import { startProxy, targetOf } from './proxy.ts'
import type { Filter, Pair, TcpProxy } from './proxy.ts'
import type { Random } from './random.ts'

/**
 * Where a commit is cut. The node sees the same each time, a connection that broke, and must not confuse them:
 * `before`  the server never sees the statement
 * `during`  it has the statement, and the connection breaks at once
 * `after`   it has committed, and its answer is lost
 * `late`    it sees the statement only a while after the node has lost the connection, and then still commits
 */
export const cutPoints = ['before', 'during', 'after', 'late'] as const
export type CutPoint = (typeof cutPoints)[number]

export interface CommitCuts {
  /** Per statement that commits appends. */
  probability: number
  points?: readonly CutPoint[]
}

export interface PostgresProxy extends TcpProxy {
  /** The database's address, through the proxy. */
  readonly url: string
  readonly cuts: Record<CutPoint, number>
  /** Commits that were let through while `cutCommits` was on. */
  passed(): number
  /** From now on, until called with nothing. */
  cutCommits(cuts?: CommitCuts): void
}

/** The statements whose fate matters: those that store appends, and a `commit` of their own. */
const COMMITS = /insert into document_chunks|^\s*commit/i
const LATE_MS = { from: 20, to: 300 }

/** A proxy in front of Postgres that reads along which statement a node executes, and cuts connections around it. */
export async function startPostgresProxy(
  databaseUrl: string,
  random: Random,
): Promise<PostgresProxy> {
  const cuts = { before: 0, during: 0, after: 0, late: 0 }
  let passed = 0
  let wanted: CommitCuts | undefined

  const makeFilter = (pair: Pair): Filter => {
    const isCommit = makeCommitReader()
    let point: CutPoint | undefined
    return {
      fromClient(bytes) {
        if (isCommit(bytes) && wanted !== undefined) {
          if (random.chance(wanted.probability)) point = random.pick(wanted.points ?? cutPoints)
          else passed++
        }
        if (point === undefined) pair.toServer(bytes)
        else cutAt(point, pair, bytes)
      },
      fromServer(bytes) {
        if (point === undefined) pair.toClient(bytes)
        // The answer that nobody hears.
        else pair.cut()
      },
    }
  }
  const cutAt = (point: CutPoint, pair: Pair, bytes: Buffer): void => {
    cuts[point]++
    if (point !== 'before' && point !== 'late') pair.toServer(bytes)
    if (point === 'before') pair.cut()
    // After the write has left for the kernel: destroying a socket drops what is still in the process.
    if (point === 'during') setImmediate(() => pair.cut())
    if (point === 'late') {
      pair.cutClient()
      setTimeout(
        () => {
          pair.toServer(bytes)
          // Or a transaction that the statement is in the middle of would hold its locks for ever.
          pair.endServer()
        },
        random.between(LATE_MS.from, LATE_MS.to),
      )
    }
  }

  const proxy = await startProxy(targetOf(databaseUrl, 5432), makeFilter)
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${proxy.port}`
  return {
    ...proxy,
    url: url.toString(),
    cuts,
    passed: () => passed,
    cutCommits(next) {
      wanted = next
    },
  }
}

/**
 * Follows one connection's messages: `type:1 length:4 body`, the first one without a type. Prepared statements are known
 * by the name they were parsed under.
 * @returns for each piece of bytes, whether it contains the end of a request that commits appends
 */
function makeCommitReader(): (bytes: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0)
  let hasStarted = false
  let isPending = false
  const committing = new Set<string>()

  const read = (type: string, body: Buffer): boolean => {
    const [first, second] = body.toString('latin1').split('\0', 2) as [string, string | undefined]
    if (type === 'P') {
      committing.delete(first)
      if (COMMITS.test(second ?? '')) committing.add(first)
    }
    if (type === 'B') isPending ||= committing.has(second ?? '')
    if (type === 'Q') isPending ||= COMMITS.test(first)
    const isEnd = type === 'S' || type === 'Q'
    if (!isEnd || !isPending) return false
    isPending = false
    return true
  }

  return (bytes) => {
    rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes
    let found = false
    for (;;) {
      const head = hasStarted ? 1 : 0
      if (rest.length < head + 4) return found
      const end = head + rest.readUInt32BE(head)
      if (rest.length < end) return found
      if (hasStarted)
        found = read(String.fromCharCode(rest[0] ?? 0), rest.subarray(5, end)) || found
      // Asking for encryption (and being told no) comes before the start itself.
      else hasStarted = rest.readUInt32BE(4) >> 16 === 3
      rest = rest.subarray(end)
    }
  }
}
