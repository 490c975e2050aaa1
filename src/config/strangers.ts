/** Variables of the environment that were probably meant for us, or were not although they are named so. */

export interface Strangers {
  /** Variables with a name of ours and somebody else's value. */
  readonly ignored: ReadonlySet<string>
  readonly warnings: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

export function strangers(env: Environment, names: readonly string[]): Strangers {
  const ignored = new Set(names.filter((name) => isServiceLink(name, env[name])))
  const ofOthers = [...ignored].map(
    (name) => `${name} is ignored: Kubernetes set it for a service of that name`,
  )
  const unknown = Object.keys(env).filter((name) => !names.includes(name))
  return { ignored, warnings: [...ofOthers, ...unknown.flatMap((name) => suspect(name, names))] }
}

/** Kubernetes tells every pod of every service: a service called `admin` sets ADMIN_PORT to tcp://10.0.0.1:80. */
function isServiceLink(name: string, value = ''): boolean {
  return name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value)
}

const SHORTEST_TO_COMPARE = 8
const MOST_TYPOS = 2

function suspect(name: string, names: readonly string[]): string[] {
  const near =
    name.length < SHORTEST_TO_COMPARE
      ? undefined
      : names.find((known) => typosBetween(name, known) <= MOST_TYPOS)
  if (near !== undefined) return [`${name} is not a setting: is ${near} meant?`]
  const isLink = /_(SERVICE_|PORT_\d)/.test(name)
  return /^(ZWIBBLER|YJS)_/.test(name) && !isLink ? [`${name} is not a setting`] : []
}

/** Levenshtein distance, or more than enough when the lengths alone are too different. */
function typosBetween(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > MOST_TYPOS) return Infinity
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const replaced = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[other.length]!
}
