/** What `helm test` runs in a pod, against a node of the same settings. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, inject, test } from 'vitest'
import { makeDatabase } from '../support/databases.ts'
import { makeNode, type TestNode } from '../support/nodes.ts'

const { databaseUrl } = inject('services')
const script = fileURLToPath(new URL('../../helm/lengthwise/files/connect.mjs', import.meta.url))
const keys = { ZWIBBLER_JWT_KEY: 'a key', YJS_AUTH: 'jwt', AUTH_JWT_KEY: 'another key' }
let node: TestNode

beforeAll(async () => {
  const database = await makeDatabase(databaseUrl)
  node = await makeNode({ databaseUrl: database.url, env: keys })
  return async () => {
    await node[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  }
})

async function connect(env: Record<string, string>): Promise<{ code: number; said: string }> {
  const TARGET = new URL(node.url).origin
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--experimental-websocket', '--no-warnings', script],
      { env: { TARGET, ...env } },
    )
    return { code: 0, said: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, said: stdout + stderr }
  }
}

test('helm test opens, appends and reads back on every surface, with tokens that it signs', async () => {
  const { code, said } = await connect(keys)
  expect(said).toBe('zwibbler: opened, appended, read back\nyjs: opened, changed, read back\n')
  expect(code).toBe(0)
})

test.each([
  ['zwibbler: access denied', { ...keys, ZWIBBLER_JWT_KEY: 'wrong' }],
  ['yjs: closed with', { ...keys, AUTH_JWT_KEY: 'wrong' }],
  ['nothing could be tried', { ZWIBBLER_PLAIN_IDS: '0', YJS_AUTH: 'hook' }],
])('helm test fails when it is not let in, and says why: %s', async (why, env) => {
  const { code, said } = await connect(env)
  expect(said).toContain(why)
  expect(code).toBe(1)
})
