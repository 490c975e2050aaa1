/** Settings for people: what `lengthwise config` prints, and the README's table. */
import { settings } from '../config.ts'
import type { Config, SettingName } from '../config.ts'
import { passwordOf, redactUrl } from '../log.ts'
import { abouts } from './kinds.ts'
import type { About } from './kinds.ts'

const names = Object.keys(settings) as SettingName[]

/** The effective settings, one line each, in the form of an environment file; secrets are only said to be there. */
export function showConfig(config: Config): string[] {
  return names.map((name) => {
    const value = config[name]
    if (value === undefined) return `# ${name} is not set${absence(aboutOf(name))}`
    return `${name}=${shown(aboutOf(name), value)}`
  })
}

function absence({ byDefault }: About): string {
  return byDefault === '' ? '' : `: ${byDefault}`
}

function shown({ type, secret }: About, value: NonNullable<Config[SettingName]>): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (secret && type !== 'URL') return '(set, not shown)'
  if (typeof value === 'object') return isList(value) ? value.join(',') : JSON.stringify(value)
  return type === 'URL' ? redactUrl(String(value)) : String(value)
}

function isList(value: object): value is readonly unknown[] {
  return Array.isArray(value)
}

/** What the log must never show: keys, passwords, and the passwords within URLs. */
export function secretsOf(config: Config): string[] {
  const values = names
    .filter((name) => aboutOf(name).secret)
    .map((name) => ({ type: aboutOf(name).type, value: config[name] }))
    .map(({ type, value }) => (typeof value === 'string' ? { type, value } : undefined))
  return values
    .map((found) => (found?.type === 'URL' ? passwordOf(found.value) : found?.value))
    .filter((value) => value !== undefined)
}

/** The README's table (Markdown). */
export function settingsTable(): string {
  const rows = names.map((name) => {
    const { type, byDefault, about } = aboutOf(name)
    return `| \`${name}\` | ${type} | ${byDefault} | ${about} |`
  })
  return ['| setting | type | default | what it is |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  )
}

function aboutOf(name: SettingName): About {
  const about = abouts.get(settings[name])
  if (about === undefined) throw new Error(`nothing is said about ${name}`)
  return about
}
