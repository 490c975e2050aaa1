/**
 * Reads the configuration file of zwibserve's companion service (`zwibbler.conf`), so that a server can be moved over as
 * it is. Syntax: one `Key=value` a line, split at the first `=`, blanks around both ignored, `#` begins a comment line,
 * lines without `=` mean nothing, keys are case-sensitive, the last of two equal keys counts.
 */
import { ignoredKeys, keys, storage } from './conf-keys.ts'

export interface ConfFile {
  /** By the name of our environment variable; what the environment itself says goes before these. */
  readonly settings: Readonly<Record<string, string>>
  /** For the start-up log, each as a warning. */
  readonly notices: readonly string[]
  /** Each stops the start. */
  readonly errors: readonly string[]
}

interface Line {
  /** Where it is and what it sets, for messages. */
  readonly name: string
  readonly key: string
  readonly value: string
}

/** Without these lines the original listens on every address, at port 3000. It never looks at origins, and serves nothing else. */
const defaults = { HOST: '0.0.0.0', PORT: '3000', ALLOWED_ORIGINS: '*', SURFACES: 'zwibbler' }

const OPEN =
  'no JWTKey: as before, everybody who knows the id of a document may write to it, from any web page; ' +
  'set ZWIBBLER_JWT_KEY, or ZWIBBLER_PLAIN_IDS=0 if all your clients have registered tokens'
const ORIGINS = 'pages of every origin may connect, as before; set ALLOWED_ORIGINS to limit them'

/** Reads the text of such a file. Never throws: what is wrong is in `errors`, with its line. */
export function readZwibblerConf(text: string): ConfFile {
  const settings = new Map<string, string>(Object.entries(defaults))
  const notices: string[] = []
  const errors: string[] = []
  for (const line of linesOf(text)) {
    const problem = take(line, settings)
    if (problem) (problem.isError ? errors : notices).push(`${line.name} ${problem.text}`)
  }
  if (settings.has('ZWIBBLER_JWT_KEY')) {
    notices.push(ORIGINS)
  } else {
    settings.delete('ZWIBBLER_JWT_KEY_IS_BASE64')
    settings.set('ALLOW_ANONYMOUS', '1')
    notices.push(OPEN)
  }
  return { settings: Object.fromEntries(settings), notices, errors }
}

function linesOf(text: string): Line[] {
  return text.split('\n').flatMap((raw, index) => {
    const line = raw.trim()
    const equals = line.indexOf('=')
    if (line.startsWith('#') || equals < 0) return []
    const key = line.slice(0, equals).trim()
    return [{ name: `line ${index + 1}: ${key}`, key, value: line.slice(equals + 1).trim() }]
  })
}

interface Problem {
  readonly isError: boolean
  readonly text: string
}

function take({ key, value }: Line, settings: Map<string, string>): Problem | undefined {
  const known = keys.get(key)
  if (!known) return refuseOrIgnore(key, value)
  const ours = known.translate(value)
  if (ours === undefined) settings.delete(known.setting)
  else if (typeof ours === 'string') settings.set(known.setting, ours)
  else return { isError: true, text: ours.error }
  return undefined
}

function refuseOrIgnore(key: string, value: string): Problem | undefined {
  const isStorage = storage.isKey(key)
  const reason = ignoredKeys.get(key)
  // The file as it is delivered has all its keys, most of them without a value.
  if (value === '' && (isStorage || reason !== undefined)) return undefined
  if (isStorage) return { isError: !storage.isDefault(key, value), text: storage.advice }
  return { isError: false, text: reason ?? 'is not known here, and ignored' }
}
