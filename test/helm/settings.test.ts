/** The chart's values know the node's settings by name: what the node does not know is refused before anything is installed. */
import { readFile, writeFile } from 'node:fs/promises'
import { format, resolveConfig } from 'prettier'
import { expect, test } from 'vitest'
import { type SettingName, settings } from '../../src/config.ts'
import { type About, abouts } from '../../src/config/kinds.ts'

const file = new URL('../../helm/lengthwise/values.schema.json', import.meta.url)
const names = Object.keys(settings) as SettingName[]

/** The chart decides these. */
const own = new Set<SettingName>([
  ...([
    'HOST',
    'PORT',
    'ADMIN_HOST',
    'ADMIN_PORT',
    'WORKERS',
    'MIGRATE',
    'EXCLUSIVE_PORT',
  ] as const),
  ...(['DATABASE_URL', 'REDIS_URL', 'DATA_DIR', 'TLS_CERT_FILE', 'TLS_KEY_FILE'] as const),
])

const types: Readonly<Record<string, readonly string[]>> = {
  flag: ['boolean', 'integer', 'string'],
  list: ['string', 'array', 'integer'],
  JSON: ['string', 'object'],
  secret: [],
}

const anyCase = (word: string) =>
  word.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)

/** What the node could not read is refused where helm can tell. */
const patterns: Readonly<Record<string, string>> = {
  ...{ number: '[0-9]+', ms: '[0-9]+', port: '[0-9]+', seconds: 'never|[0-9]+' },
  bytes: `[0-9]+ ?([kKmMgG]${anyCase('ib')})?`,
  flag: ['[01]', ...['true', 'yes', 'on', 'false', 'no', 'off'].map(anyCase)].join('|'),
  URL: '[a-zA-Z]+://.+',
  path: '/.*',
}

function valueOf({ type, words }: About): object {
  if (words.length > 0) return { enum: [...words, '', null] }
  const pattern = patterns[type]
  return {
    type: [...(types[type] ?? ['string', 'number']), 'null'],
    ...(pattern !== undefined && { pattern: `^(${pattern})?$` }),
  }
}

const about = (name: SettingName): About => abouts.get(settings[name])!

/** Secrets may be in a Secret only; URLs, which may hold a password, in either. */
const isOnlySecret = (name: SettingName) => about(name).type === 'secret'
const others = names.filter((name) => !own.has(name))

const properties = Object.fromEntries(
  others
    .filter((name) => !isOnlySecret(name))
    .map((name) => {
      return [name, { description: about(name).about, ...valueOf(about(name)) }]
    }),
)
const secretNames = { enum: others.filter((name) => about(name).secret) }

interface Schema {
  definitions: { secretNames: unknown; config: { properties: unknown } }
}

test("the chart's values know the settings that config.ts has (UPDATE_CHART=1 writes it)", async () => {
  const schema = JSON.parse(await readFile(file, 'utf8')) as Schema
  if (process.env.UPDATE_CHART === '1') {
    const { config } = schema.definitions
    const definitions = { ...schema.definitions, secretNames, config: { ...config, properties } }
    const text = JSON.stringify({ ...schema, definitions })
    const options = await resolveConfig(file)
    await writeFile(file, await format(text, { ...options, parser: 'json' }))
  }
  const written = JSON.parse(await readFile(file, 'utf8')) as Schema
  expect(written.definitions.config.properties).toEqual(properties)
  expect(written.definitions.secretNames).toEqual(secretNames)
})
