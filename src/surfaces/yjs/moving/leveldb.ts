/** A folder that y-leveldb has written: `YPERSISTENCE` of y-websocket's own server. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'

/** Why the folder cannot be read, in words for who named it. */
export class LeveldbError extends Error {
  override readonly name = 'LeveldbError'
}

export interface StoredUpdate {
  /** As it was named there: for y-websocket's server, the undecoded path. */
  readonly room: string
  readonly bytes: Uint8Array
}

export interface Leveldb {
  /** All updates of all rooms, one room after the other. Never more than one update is in memory. */
  updates(): AsyncIterable<StoredUpdate>
  has(room: string): Promise<boolean>
  close(): Promise<void>
}

/** What we use of y-leveldb, which brings no types along that Node's resolution finds. */
interface Module {
  readonly LeveldbPersistence: new (
    folder: string,
    options: object,
  ) => { _transact(work: (db: Database) => Promise<Database>): Promise<Database> }
}

type Key = readonly (string | number)[]

interface Database {
  open(): Promise<void>
  close(): Promise<void>
  get(key: Key): Promise<Uint8Array>
  iterator(range: { gte: Key; lt: Key }): AsyncIterable<readonly [Key, Uint8Array]>
}

/** Keys are `v1, <room>, update, <number>`; beside them are state vectors (`v1_sv`), which follow from the updates. */
const UPDATES = { gte: ['v1'], lt: ['v1_sv'] }

/** @throws LeveldbError */
export async function openLeveldb(folder: string): Promise<Leveldb> {
  const { LeveldbPersistence } = await load()
  // LevelDB makes a folder that is not there, even when it is told not to.
  await access(join(folder, 'CURRENT')).catch((error: unknown) => {
    throw new LeveldbError(`${folder} is not a folder of LevelDB`, { cause: error })
  })
  const persistence = new LeveldbPersistence(folder, { levelOptions: { createIfMissing: false } })
  // Its own methods log what fails and go on; so the database itself is read.
  const db = await persistence._transact((opened) => Promise.resolve(opened))
  await db.open().catch((error: unknown) => {
    throw new LeveldbError(reasonOf(folder, error), { cause: error })
  })
  return {
    async *updates() {
      for await (const [[, room, kind], bytes] of db.iterator(UPDATES)) {
        if (kind === 'update') yield { room: String(room), bytes }
      }
    },
    async has(room) {
      try {
        await db.get(['v1_sv', room])
        return true
      } catch (error) {
        if ((error as { notFound?: boolean }).notFound === true) return false
        throw error
      }
    },
    close: () => db.close(),
  }
}

async function load(): Promise<Module> {
  const name = 'y-leveldb'
  try {
    return (await import(name)) as Module
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    const advice = 'it is optional, and needed for this only: npm install y-leveldb'
    throw new LeveldbError(`y-leveldb is not installed; ${advice}`, { cause: error })
  }
}

function reasonOf(folder: string, error: unknown): string {
  const { cause = error } = error as Error
  if ((cause as NodeJS.ErrnoException).code === 'LEVEL_LOCKED')
    return `${folder} is in use: stop the server that writes to it first`
  return `${folder} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`
}
