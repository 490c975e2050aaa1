/**
 * What can end a connection, and whether to come back. One catalogue for error frames (spec section 7), for WebSocket close
 * codes and for what the client finds out itself.
 *
 * The WebSocket closing codes 1001, 1006, 1012 (the node is leaving) and 1013 (overloaded, or its database is away), like
 * every other one not listed here, mean "come back": `lost`.
 */
const causes = {
  /** Error 0: its text says why. The storage may be away for a while, so coming back is right; a malformed JWT stays malformed. */
  server: { retry: true },
  /** Error 1: never-create met no document, or it was deleted while we were on it. */
  missing: { retry: false },
  /** Error 2: always-create met a document. */
  exists: { retry: false },
  /** Error 3: the document is shorter than what we have of it, or of another epoch: it was made again. */
  recreated: { retry: true },
  /** Error 4: no permission, or an expired or wrongly signed JWT. */
  denied: { retry: false },
  /** Close code 1009, with or without an error 0 before it: what we sent was too big. */
  'too-large': { retry: true },
  /** The connection ended, or could not be made. */
  lost: { retry: true },
  /** Nothing was heard for too long. */
  silent: { retry: true },
  /** The peer broke the protocol: a gap in the stream, a malformed frame, an answer to nothing. */
  protocol: { retry: true },
} as const satisfies Record<string, { retry: boolean }>

export type ErrorCode = keyof typeof causes

export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
  /** Whether the client tries again by itself. */
  get retry(): boolean {
    return causes[this.code].retry
  }
}

const frameCodes = ['server', 'missing', 'exists', 'recreated', 'denied'] as const

/** The error that an error frame stands for. */
export function frameError(code: number, text: string): ConnectionError {
  return new ConnectionError(frameCodes[code] ?? 'server', text)
}

/** The error that the end of a WebSocket stands for. */
export function closeError(code: number, reason: string): ConnectionError {
  const why = reason || `connection closed with code ${code}`
  return new ConnectionError(code === 1009 ? 'too-large' : 'lost', why)
}
