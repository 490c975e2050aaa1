/** The state of the connection in words. */
import type { Link } from './link.ts'

/** What the server's codes mean to a person. */
const reasons: Readonly<Record<number, string>> = {
  4401: 'You may not open this document: nobody has let you in, or not any more.',
  4403: 'You may not open this document.',
  4404: 'This document was deleted.',
  4413: 'This document has become too large, or a change was: it is not kept any further.',
}

export function describe({ state, canWrite, hasUnsent }: Link): {
  word: string
  sentence: string
  /** Whether it must be read. */
  isGrave: boolean
} {
  const waiting = hasUnsent ? ' · changes wait' : ''
  switch (state.kind) {
    case 'joined':
      return canWrite
        ? { word: 'Live', sentence: 'Connected: everybody sees what you write.', isGrave: false }
        : {
            word: 'Reading',
            sentence: 'You may read this document, but not write in it.',
            isGrave: true,
          }
    case 'connecting':
      return { word: 'Connecting', sentence: 'Connecting …', isGrave: false }
    case 'waiting':
      return {
        word: `Reconnecting${waiting}`,
        sentence: 'No connection. Trying again; what you write is kept in this window.',
        isGrave: false,
      }
    case 'suspended':
      return {
        word: `Offline${waiting}`,
        sentence: 'Offline: what you write arrives later.',
        isGrave: false,
      }
    case 'closed': {
      const sentence =
        reasons[state.code] ?? `The server has closed this document: ${state.reason || state.code}`
      return { word: 'Closed', sentence, isGrave: true }
    }
  }
}
