/** Who is there and what happens when: the same in all scripts. */
import exec from 'k6/execution'
import { time } from './metrics.js'

const LOOK_MS = 50
const TICK_MS = 500

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export const sleepUntil = (at) => sleep(Math.max(0, at - Date.now()))

/** k6 gives a number for each loop; there is never one without a client. */
const loopsOf = ({ clients, vus }) => Math.max(1, Math.min(vus, clients))

/** k6's scenarios: every loop (VU) runs once, for as long as its part of the crowd takes. */
export function scenariosOf(size, { ramp, duration, patience }) {
  const seconds = Math.ceil((2 * ramp + duration + 2 * patience) / 1_000) + 10
  const once = { executor: 'per-vu-iterations', iterations: 1, gracefulStop: '0s' }
  return { crowd: { ...once, vus: loopsOf(size), maxDuration: `${seconds}s` } }
}

/** @returns when what happens: all loops must agree on it */
export function timesFrom(began, { ramp, duration }) {
  return { writeAt: began + ramp, endAt: began + ramp + duration }
}

/** @returns the names of the documents: those given, or some that no other run has */
export function namesOf({ document, documents }) {
  const name = document || `k6-${makeRunName()}`
  return Array.from({ length: documents }, (_, i) => (documents === 1 ? name : `${name}-${i}`))
}

export const makeRunName = () =>
  `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`

/**
 * Where a client sits. Those of one document are spread over the URLs.
 * @param number of the client, from 0
 */
export function seatOf(number, { documents, urls }) {
  const [place, seat] = [number % documents, Math.floor(number / documents)]
  return { place, seat, first: (place + seat) % urls.length }
}

function myNumbers(size) {
  const loops = loopsOf(size)
  const mine = []
  for (let i = exec.vu.idInTest - 1; i < size.clients; i += loops) mine.push(i)
  return mine
}

/**
 * One loop's part of the crowd: everybody arrives, does what there is to do, waits until all has come that must, and joins once
 * more, elsewhere, to see that the copy is the document's.
 * @param makeMember called with the number of a client
 */
export async function runCrowd({ size, settings, plan, makeMember }) {
  const { ramp, patience } = settings
  const stopWatching = watchLateness()
  const members = myNumbers(size).map(makeMember)
  await scattered(members, ramp, (member) => member.arrive())
  await sleepUntil(plan.writeAt)
  for (const member of members) void member.take()
  await sleepUntil(plan.endAt)
  await until(() => members.every((member) => member.isOver()), plan.endAt + patience)
  await scattered(members, ramp, (member) => member.joinAgain())
  await until(() => members.every((member) => member.isBack()), Date.now() + patience)
  for (const member of members) member.report()
  stopWatching()
}

/** Does something for each at a moment of its own within `ms`. */
const scattered = (members, ms, act) =>
  Promise.all(members.map((member) => sleep(Math.random() * ms).then(() => act(member))))

/** Looks again and again; a timer until the deadline would keep the loop from ending. */
async function until(isTrue, deadline) {
  while (!isTrue() && Date.now() < deadline) await sleep(LOOK_MS)
}

/** Measures how late this loop gets to what it has to do: load that it should make and does not. */
function watchLateness() {
  let due = Date.now() + TICK_MS
  const timer = setInterval(() => {
    time('generator_late', Math.max(0, Date.now() - due))
    due = Date.now() + TICK_MS
  }, TICK_MS)
  return () => clearInterval(timer)
}

/** A pause that is `ms` long on average. */
export const pauseOf = (ms) => sleep(ms * (0.5 + Math.random()))

/** @param path the surface's own, for a URL that has none */
export function addressOf(url, path) {
  const [, secure, host, rest] = /^(?:ws|http)(s?):\/\/([^/]+)(.*)$/.exec(url) ?? []
  if (host === undefined) throw new Error(`URL is one such as ws://127.0.0.1:3000, not ${url}`)
  return `ws${secure}://${host}${rest === '' || rest === '/' ? path : rest.replace(/\/$/, '')}`
}
