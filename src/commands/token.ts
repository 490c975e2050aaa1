import { createSecretKey, randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { readJwtKey } from '../auth/jwt.ts'
import type { Config } from '../config.ts'
import { migrate } from '../postgres/migrate.ts'
import { openTokens } from '../postgres/token-book.ts'
import type { TokenBook } from '../postgres/token-book.ts'
import { PREFIX, problemOf } from '../surfaces/zwibbler/document-ids.ts'
import { confOption, loadConfig, quietLog, UsageError, withDatabase } from './command.ts'
import type { Command, Context, Values } from './command.ts'

export const token: Command = {
  usage:
    'token --document ID [--user ID] [--permissions rwa] [--expires 1h] [--jwt]\n' +
    'token --room ROOM [--user ID] [--permissions rw] [--expires 1h]\n' +
    'token --list [--document ID]\n' +
    'token --remove TOKEN',
  about:
    'registers a zwibbler token and prints it, or signs a JWT; lists and ends tokens; signs a JWT for a Yjs room, which ' +
    'is written as in its URL',
  options: {
    ...confOption,
    document: { type: 'string' },
    room: { type: 'string' },
    user: { type: 'string', default: '' },
    permissions: { type: 'string', default: 'rw' },
    expires: { type: 'string', default: '1h' },
    jwt: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    remove: { type: 'string' },
  },
  async run(values, context) {
    const { config } = await loadConfig(context, values)
    const wanted = read(values)
    if (wanted.kind === 'jwt' || wanted.kind === 'room') {
      context.print(await (wanted.kind === 'jwt' ? sign(config, wanted) : signRoom(config, wanted)))
      return 0
    }
    const log = quietLog(config)
    return await withDatabase(config, log, async (url) => {
      if (config.MIGRATE) await migrate(url, { log })
      const book = openTokens(url)
      try {
        return await act(wanted, book, context)
      } finally {
        await book.close()
      }
    })
  },
}

interface NewToken {
  readonly documentId: string
  readonly user: string
  readonly letters: string
  readonly expiresAt: Date
}

type Wanted =
  | ({ readonly kind: 'jwt' } & NewToken)
  | ({ readonly kind: 'add' } & NewToken)
  | ({ readonly kind: 'room'; readonly room: string } & Pick<
      NewToken,
      'user' | 'letters' | 'expiresAt'
    >)
  | { readonly kind: 'list'; readonly documentId: string | undefined }
  | { readonly kind: 'remove'; readonly token: string }

function read(values: Values): Wanted {
  const documentId = typeof values.document === 'string' ? values.document : undefined
  if (typeof values.room === 'string') return readRoom(values.room, values)
  if (typeof values.remove === 'string') return { kind: 'remove', token: values.remove }
  if (values.list === true) return { kind: 'list', documentId }
  if (documentId === undefined)
    throw new UsageError('token needs --document, --room, --list or --remove')
  const problem = problemOf(documentId)
  if (problem !== undefined) throw new UsageError(`--document: ${problem}`)
  const letters = String(values.permissions)
  if (!/^[rwa]*$/.test(letters)) throw new UsageError('--permissions are letters out of r, w and a')
  return {
    kind: values.jwt === true ? 'jwt' : 'add',
    ...{ documentId, letters, user: String(values.user), expiresAt: readExpiry(values) },
  }
}

function readRoom(room: string, values: Values): Wanted {
  const more = ['document', 'list', 'jwt', 'remove'].filter((name) => values[name])
  if (more[0] !== undefined) throw new UsageError(`--room and --${more[0]} exclude each other`)
  if (room === '') throw new UsageError('--room is empty')
  const letters = String(values.permissions)
  if (!/^rw?$/.test(letters)) throw new UsageError('--permissions of a room are r or rw')
  return { kind: 'room', room, letters, user: String(values.user), expiresAt: readExpiry(values) }
}

function readExpiry(values: Values): Date {
  return new Date(Date.now() + readDuration(String(values.expires)))
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST_MS = 100 * 365 * 86_400_000

function readDuration(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,10})([smhd])$/.exec(text) ?? []
  const ms = Number(amount) * (units[unit] ?? 0)
  if (ms > 0 && ms <= LONGEST_MS) return ms
  throw new UsageError('--expires is a time such as 90s, 15m, 1h or 30d')
}

async function sign(
  config: Config,
  { documentId, user, letters, expiresAt }: NewToken,
): Promise<string> {
  const key = config.ZWIBBLER_JWT_KEY
  if (key === undefined) throw new UsageError('--jwt needs ZWIBBLER_JWT_KEY')
  return await new SignJWT({ sub: documentId, u: user, p: letters })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(createSecretKey(readJwtKey(key, config.ZWIBBLER_JWT_KEY_IS_BASE64)))
}

/** For this room only: what would be a pattern in its name is taken as it stands. */
async function signRoom(
  config: Config,
  { room, user, letters, expiresAt }: Extract<Wanted, { kind: 'room' }>,
): Promise<string> {
  const { AUTH_JWT_KEY: key, AUTH_JWT_ISSUER: issuer, AUTH_JWT_AUDIENCE: audience } = config
  if (key === undefined) throw new UsageError('--room needs AUTH_JWT_KEY')
  const claims = {
    ...{ rooms: { [room.replace(/[*\\]/g, '\\$&')]: letters } },
    ...(user !== '' && { sub: user }),
    ...(issuer !== undefined && { iss: issuer }),
    ...(audience !== undefined && { aud: audience }),
  }
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(createSecretKey(readJwtKey(key, config.AUTH_JWT_KEY_IS_BASE64)))
}

async function act(
  wanted: Exclude<Wanted, { kind: 'jwt' | 'room' }>,
  book: TokenBook,
  context: Context,
): Promise<number> {
  switch (wanted.kind) {
    case 'add': {
      const made = randomBytes(24).toString('base64url')
      await book.add({ ...wanted, token: made, documentId: PREFIX + wanted.documentId })
      context.print(made)
      return 0
    }
    case 'list': {
      const { documentId } = wanted
      const tokens = await book.list(documentId === undefined ? undefined : PREFIX + documentId)
      for (const { id, user, letters, expiresAt, ...found } of tokens) {
        const document = found.documentId.slice(PREFIX.length)
        context.print(
          JSON.stringify({ id, document, user, permissions: letters, expires: expiresAt }),
        )
      }
      return 0
    }
    case 'remove': {
      if (await book.expire(wanted.token)) return 0
      context.complain('there is no such token, or it has expired')
      return 1
    }
  }
}
