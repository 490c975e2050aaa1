import { type Entry, Memo } from './answers.ts'

/**
 * The same bytes in fewer entries: those that follow each other become one, up to `mostBytes`. For sessions that have
 * no appends of their own, and so no acknowledgement that stands between two entries.
 */
export function joined(entries: readonly Entry[], mostBytes: number): readonly Entry[] {
  if (entries.length < 2) return entries
  const runs: Entry[][] = []
  let size = 0
  for (const entry of entries) {
    const run = runs.at(-1)
    size += entry.size
    if (run && size <= mostBytes && follows(entry, run.at(-1)!)) run.push(entry)
    else {
      runs.push([entry])
      size = entry.size
    }
  }
  return runs.map(oneOf)
}

function follows(entry: Entry, last: Entry): boolean {
  const isWhole = entry.bytes !== undefined && last.bytes !== undefined
  const isAnybodys = entry.by === undefined && last.by === undefined
  return isWhole && isAnybodys && entry.offset === last.offset + last.size
}

function oneOf(run: readonly Entry[]): Entry {
  const [first] = run
  if (run.length === 1) return first!
  const bytes = Buffer.concat(run.map((entry) => entry.bytes!))
  return { ...first!, size: bytes.length, bytes, memo: new Memo() }
}
