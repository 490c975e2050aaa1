/** What worker threads do. Inputs and results are plain data, so that they can be moved between threads. */
import { cutUpdate } from '../update/cut-update.ts'
import { MalformedUpdate } from '../update/malformed.ts'
import { mergeRecords } from '../update/merge.ts'
import { readUpdate } from '../update/read-update.ts'
import { compact } from './compact.ts'
import { exportJson } from './export.ts'
import { readLog } from './log.ts'
import { restore } from './restore.ts'

export interface CheckTask {
  readonly update: Uint8Array
  readonly most: number
}

/** Of an update: what it holds, encoded as delete sets are, and its pieces. */
export interface Checked {
  readonly structs: Uint8Array
  readonly deletes: Uint8Array
  readonly size: number
  readonly pieces: readonly Uint8Array[]
}

/** As many as a state vector may name; what nodes know of a room grows with them, far beyond the bytes of an update. */
const MOST_CLIENTS = 200_000

/** @throws MalformedUpdate */
function check({ update, most }: CheckTask): Checked {
  const { structs, deletes, size } = readUpdate(update)
  if (Math.max(structs.clients.size, deletes.clients.size) > MOST_CLIENTS)
    throw new MalformedUpdate('an update of too many clients')
  const pieces = cutUpdate(update, most)
  return { structs: structs.encode(), deletes: deletes.encode(), size, pieces }
}

/** One update of all records. */
function mergeLog(logs: readonly Uint8Array[]): Uint8Array {
  return mergeRecords(logs.flatMap((log) => readLog(log).records.map(({ update }) => update)))
}

export const tasks = { compact, restore, exportJson, check, merge: mergeRecords, mergeLog }
export type Tasks = typeof tasks
export type TaskName = keyof Tasks
export type InputOf<Name extends TaskName> = Parameters<Tasks[Name]>[0]
export type ResultOf<Name extends TaskName> = ReturnType<Tasks[Name]>

export interface Job<Name extends TaskName = TaskName> {
  readonly name: Name
  readonly input: InputOf<Name>
}

/** Our own errors do not keep their class on the way between threads. */
export type Answer = { readonly result: unknown } | { readonly malformed: string }

export function run({ name, input }: Job): Answer {
  try {
    return { result: (tasks[name] as (input: unknown) => unknown)(input) }
  } catch (error) {
    if (error instanceof MalformedUpdate) return { malformed: error.message }
    throw error
  }
}
