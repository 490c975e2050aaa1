/** The certificate's files: whether they can be used, and when they have changed. */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Log } from '../core/log.ts'
import type { TlsFiles } from './uws.ts'

/** @returns when the certificate expires, in ms since 1970. @throws Error that says what is wrong with them */
export async function checkTlsFiles({ cert, key }: TlsFiles): Promise<number> {
  const [chain, privateKey] = await Promise.all([readFile(cert), readFile(key)])
  // Of a chain, its first: the server's own.
  const certificate = new X509Certificate(chain)
  if (!certificate.checkPrivateKey(createPrivateKey(privateKey))) {
    throw new Error(`${key} is not the key of ${cert}`)
  }
  createSecureContext({ cert: chain, key: privateKey })
  return Date.parse(certificate.validTo)
}

interface Watch {
  /** The files' state (`stateOf`) from before they were first read. */
  readonly since: string
  readonly renew: (expiresAt: number) => void
  readonly log: Log
  readonly everyMs: number
}

/**
 * Looks at both files every `everyMs`, which also sees what file events miss (mounted secrets, network disks). Two files
 * are never replaced at one moment: a change counts when nothing has changed since the last look. A bad pair is reported
 * once; the next change gets its chance.
 * @returns what stops it
 */
export function watchTlsFiles(files: TlsFiles, { since, renew, log, everyMs }: Watch): () => void {
  let seen = since
  let judged = since
  let isLooking = false

  const look = async (): Promise<void> => {
    const now = await stateOf(files)
    const isSettled = now === seen
    seen = now
    if (!isSettled || now === judged) return
    judged = now
    try {
      renew(await checkTlsFiles(files))
      log.info({ cert: files.cert }, 'new connections see the new certificate')
    } catch (err) {
      log.error({ ...files, err }, 'the changed certificate cannot be used; the old one stays')
    }
  }
  const tick = (): void => {
    if (isLooking) return
    isLooking = true
    void look().finally(() => (isLooking = false)) // never rejects
  }
  const timer = setInterval(tick, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** Changes whenever one of the files does. */
export async function stateOf({ cert, key }: TlsFiles): Promise<string> {
  const states = await Promise.all(
    [cert, key].map(async (path) => {
      try {
        const { mtimeMs, size, ino } = await stat(path)
        return `${mtimeMs} ${size} ${ino}`
      } catch {
        return 'unreadable'
      }
    }),
  )
  return states.join('; ')
}
