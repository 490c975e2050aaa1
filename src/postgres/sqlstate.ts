/** What an error of the driver says about the statement that was sent. SQLSTATE classes: PostgreSQL manual, appendix A. */
import pg from 'pg'
import { StoreError } from '../core/errors.ts'

/** The server goes, or we speak to one that may not write: what was sent may have been committed elsewhere or before. */
const lost = new Set(['57P01', '57P02', '57P03', '57P05', '25006', '53300', '25P03'])
/** Certainly rolled back, and worth another try. */
const retry = new Set(['55P03', '40001', '40P01', '57014', '53000', '53100', '53200'])

/** @returns the driver's error as ours; a StoreError stays what it is */
export function classify(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) {
    return new StoreError('lost', 'the connection to Postgres broke', { cause: error })
  }
  const { code, severity } = error
  // FATAL during COMMIT does not say whether the commit was done (synchronous replication).
  if (lost.has(code) || code.startsWith('08') || severity === 'FATAL' || severity === 'PANIC') {
    return new StoreError('lost', `Postgres ended the connection (${code})`, { cause: error })
  }
  return new StoreError(retry.has(code) ? 'retry' : 'rejected', `Postgres refused (${code})`, {
    cause: error,
  })
}

/** The row that a foreign key points to is gone. */
export function isForeignKeyViolation(error: unknown): boolean {
  return (
    error instanceof StoreError &&
    error.cause instanceof pg.DatabaseError &&
    error.cause.code === '23503'
  )
}
