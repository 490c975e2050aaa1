import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

/** Every database that the tests make is named so, with the second of its making: crashed runs leave some behind. */
const PREFIX = 'lengthwise_test_'
const DAY = 24 * 3600

/** A name that says what it is, when it was made, and is nobody else's. */
export function databaseName(): string {
  const made = Math.floor(Date.now() / 1000)
  return `${PREFIX}${made}_${randomBytes(4).toString('hex')}`
}

/** The address of another database of the same server. */
export function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.toString()
}

/** Runs `work` with one connection that is closed afterwards. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

export interface Database extends AsyncDisposable {
  readonly url: string
  [Symbol.asyncDispose](): Promise<void>
}

/** An empty database on the server at `url`; disposing of it drops it, whoever is connected. */
export async function makeDatabase(url: string): Promise<Database> {
  const name = databaseName()
  // template0: somebody connected to template1 would make the creation fail.
  await withClient(url, (client) => client.query(`create database ${name} template template0`))
  return {
    url: withDatabase(url, name),
    [Symbol.asyncDispose]: () => dropDatabase(url, name),
  }
}

/** Drops the databases of runs that crashed more than a day ago. */
export async function dropLeftovers(url: string): Promise<string[]> {
  const names = await withClient(url, async (client) => {
    const found = await client.query<{ datname: string }>(
      `select datname from pg_database where starts_with(datname, $1)`,
      [PREFIX],
    )
    return found.rows.map((row) => row.datname)
  })
  const old = names.filter((name) => ageOf(name) > DAY)
  for (const name of old) await dropDatabase(url, name)
  return old
}

function ageOf(name: string): number {
  const made = Number(name.slice(PREFIX.length).split('_')[0])
  return Number.isInteger(made) ? Date.now() / 1000 - made : 0
}

async function dropDatabase(url: string, name: string): Promise<void> {
  await withClient(url, (client) => client.query(`drop database if exists ${name} with (force)`))
}
