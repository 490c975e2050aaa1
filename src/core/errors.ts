/**
 * What should not happen, by code. Nobody matches on messages: adapters translate their driver's errors into these.
 */

/**
 * `away`: no connection could be had; nothing was sent.
 * `lost`: the connection broke or the deadline passed; what was sent may still commit.
 * `retry`: refused for now (lock timeout, deadlock, cancelled): certainly not done, may be sent again.
 * `rejected`: refused for a reason of its own: certainly not done, sending it again is of no use.
 * `hole`: the log lacks a row that its length says is there.
 */
export type StoreErrorCode = 'away' | 'lost' | 'retry' | 'rejected' | 'hole'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Close codes that every surface shares (RFC 6455 and the IANA registry). "Come back" ones: 1012, 1013. */
export const closeCodes = {
  normal: 1000,
  protocolError: 1002,
  /** Never sent: there was no close frame. */
  abnormal: 1006,
  invalid: 1007,
  refused: 1008,
  tooBig: 1009,
  draining: 1012,
  tryLater: 1013,
} as const
