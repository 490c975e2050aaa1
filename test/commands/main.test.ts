import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lengthwise } from './support.ts'

async function makeConf(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-conf-'))
  const path = join(folder, 'zwibbler.conf')
  await writeFile(path, text)
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

test('--version and --help answer and are no failure', async () => {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  expect(await lengthwise(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' })
  const help = await lengthwise(['--help'])
  expect(help.code).toBe(0)
  for (const command of ['serve', 'migrate', 'config', 'token', 'restored', 'import-leveldb']) {
    expect(help.out).toContain(`lengthwise ${command}`)
    const own = await lengthwise([command, '--help'])
    expect(own).toMatchObject({ code: 0, out: expect.stringContaining(`lengthwise ${command}`) })
  }
})

test.each([[[]], [['sevre']], [['toString']], [['serve', '--port', '1']], [['serve', 'now']]])(
  'what is not understood ends with 2: %j',
  async (args: string[]) => {
    const { code, out, err } = await lengthwise(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('lengthwise serve')
  },
)

test('a bad configuration ends with 2, and the first line lists every mistake', async () => {
  await using conf = await makeConf('Database=mysql\nExpiration=soon\n')
  const env = { WORKERS: '0', ADMIN_PORT: 'x', DATABASE_URL: 'mysql://me:hush@db/x' }
  for (const command of ['serve', 'config', 'migrate', 'token', 'restored']) {
    const { code, out, err } = await lengthwise([command, '--zwibbler-conf', conf.path], env)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    const [first = ''] = err.split('\n')
    for (const named of ['WORKERS', 'ADMIN_PORT', 'DATABASE_URL', 'Database', 'Expiration']) {
      expect(first, command).toContain(named)
    }
    expect(err).not.toContain('hush')
  }
})

test('a configuration file that is not there is a bad configuration', async () => {
  const { code, err } = await lengthwise(['serve', '--zwibbler-conf', '/nowhere/zwibbler.conf'])
  expect(code).toBe(2)
  expect(err).toContain('/nowhere/zwibbler.conf cannot be read (ENOENT)')
})

test('config prints what applies: the environment before the file, and no secrets', async () => {
  await using conf = await makeConf('ServerPort=4001\nJWTKey=hush-jwt\nExpiration=60\n')
  const env = { ZWIBBLER_EXPIRATION: 'never', PORT: '', ADMIN_KEY: 'hush-key', REDIS_URI: 'x' }
  const { code, out, err } = await lengthwise(['config', '--zwibbler-conf', conf.path], env)
  expect(code).toBe(0)
  const lines = out.split('\n')
  expect(lines).toContain('PORT=4001')
  expect(lines).toContain('ZWIBBLER_EXPIRATION=never')
  expect(lines).toContain('ADMIN_KEY=(set, not shown)')
  expect(out + err).not.toContain('hush')
  expect(err).toContain('REDIS_URI is not a setting: is REDIS_URL meant?')
})
