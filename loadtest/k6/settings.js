/**
 * What can be set, once for all: the scripts read it from k6's environment (`k6 run -e STUDENTS=200 zwibbler.js`), the command
 * from its options (`npm run load -- zwibbler --students 200`).
 */
const everywhere = {
  URL: {
    of: 'ws://…',
    what: 'where to connect, several separated by commas: clients take turns',
    value: 'ws://127.0.0.1:3000',
  },
  TOKEN: {
    of: 'text',
    what: 'token or JWT, several separated by commas: one for each document',
    value: '',
  },
  DOCUMENT: {
    of: 'text',
    what: 'name of the documents (rooms), numbered when there are several',
    value: '',
  },
  DOCUMENTS: {
    of: 'number',
    what: 'documents (rooms), each with writers and readers of its own',
    value: 1,
  },
  RATE: { of: 'number', what: 'changes a second of each writer', value: 1 },
  SIZE: { of: 'bytes', what: 'size of a change', value: 100 },
  RAMP: { of: 'time', what: 'over how long the clients connect', value: '3s' },
  DURATION: { of: 'time', what: 'how long is written, or idled, after that', value: '30s' },
  PATIENCE: { of: 'time', what: 'how long to wait at the end for what has not come', value: '30s' },
  P99: { of: 'time', what: 'limit of the 99th percentile from one screen to another', value: '1s' },
  LOST: { of: 'number', what: 'connections that may break without being asked to', value: 0 },
  VUS: {
    of: 'number',
    what: 'loops that share the clients; more than processors only wait for each other',
    value: 4,
  },
}

const ownSettings = {
  zwibbler: {
    TEACHERS: { of: 'number', what: 'writers of each document', value: 1 },
    STUDENTS: { of: 'number', what: 'readers of each document', value: 50 },
  },
  yjs: {
    EDITORS: { of: 'number', what: 'editors of each room: all read, all write', value: 10 },
    SIZE: { of: 'letters', what: 'letters typed in a change', value: 5 },
  },
  idle: {
    CONNECTIONS: { of: 'number', what: 'connections that do nothing', value: 1000 },
    DOCUMENTS: { of: 'number', what: 'documents that they are spread over', value: 100 },
    RATE: undefined,
    RAMP: { of: 'time', what: 'over how long the clients connect', value: '10s' },
    DURATION: { of: 'time', what: 'how long they idle', value: '10s' },
  },
  storm: {
    TEACHERS: { of: 'number', what: 'writers of each document', value: 1 },
    STUDENTS: { of: 'number', what: 'readers of each document', value: 9 },
    DOCUMENTS: { of: 'number', what: 'documents', value: 20 },
    STORMS: {
      of: 'number',
      what: 'how often everybody is cut, evenly spread over the duration',
      value: 2,
    },
    JITTER: { of: 'time', what: 'within which each of them comes back', value: '2s' },
    BACK: {
      of: 'time',
      what: 'limit until everybody is back and caught up, jitter included',
      value: '10s',
    },
  },
}

export const scripts = Object.keys(ownSettings)

/** @returns the settings of a script by their names: kind, meaning, default */
export const settingsOf = (script) =>
  Object.fromEntries(
    Object.entries({ ...everywhere, ...ownSettings[script] }).filter(([, setting]) => setting),
  )

const UNITS = { ms: 1, s: 1_000, m: 60_000 }

/** @returns milliseconds of `1500ms`, `30s` (or `30`) and `2m` */
function millisecondsOf(name, text) {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  if (number === undefined)
    throw new Error(`${name} is a time such as 500ms, 30s or 2m, not ${text}`)
  return Number(number) * UNITS[unit]
}

function numberOf(name, text) {
  const number = Number(text)
  if (!(number >= 0)) throw new Error(`${name} is a number, not ${text}`)
  return number
}

function readOne(name, { of, value }, given) {
  const text = given === undefined || given === '' ? value : given
  if (of === 'time') return millisecondsOf(name, String(text))
  return typeof value === 'number' ? numberOf(name, text) : text
}

/**
 * @param env names as above, values as text
 * @returns numbers, times in milliseconds, lists for what may be several; by lower-case names
 * @throws Error that names the setting
 */
export function readSettings(script, env) {
  const all = Object.entries(settingsOf(script))
  const read = Object.fromEntries(
    all.map(([name, setting]) => [name.toLowerCase(), readOne(name, setting, env[name])]),
  )
  return { ...read, urls: listOf(read.url), tokens: listOf(read.token) }
}

const listOf = (text) =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)
