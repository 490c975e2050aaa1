/** Teachers, who write and read, and students, who read: what each of them does in the course of a run. */
import {
  addressOf,
  namesOf,
  pauseOf,
  runCrowd,
  seatOf,
  sleep,
  sleepUntil,
  timesFrom,
} from './crowd.js'
import { count, time, touchAll } from './metrics.js'
import { lengthOf, makeClient } from './zwibblerClient.js'

const urlsOf = ({ urls }) => urls.map((url) => addressOf(url, '/socket'))

/** To be k6's `setup`. Documents of this run are new ones, unless their names or tokens were given. */
export async function preparePlan(settings) {
  touchAll(['conflicts'])
  const { tokens, document, documents } = settings
  if (tokens.length > 0 && tokens.length < documents)
    throw new Error(`TOKEN has ${tokens.length} tokens for ${documents} documents`)
  const ids = tokens.length > 0 ? tokens.slice(0, documents) : namesOf(settings)
  const isNew = tokens.length === 0 && document === ''
  const [url] = urlsOf(settings)
  const lengths = isNew ? [] : await Promise.all(ids.map((id) => lengthOf({ url, id })))
  return { ids, lengths, ...timesFrom(Date.now(), settings) }
}

/** To be k6's default function. @param size how many clients in how many loops, and writers of a document */
export function attend({ settings, plan, size, storms = [] }) {
  const makeMember = (number) => {
    const { place, seat, first } = seatOf(number, { ...settings, documents: plan.ids.length })
    const isTeacher = seat < size.teachers
    const client = makeClient({
      ...{ urls: urlsOf(settings), first, id: plan.ids[place], from: plan.lengths[place] ?? 0 },
      ...(isTeacher ? { author: seat, size: settings.size } : {}),
    })
    return makeZwibblerMember({ client, isTeacher, settings, plan, size, storms })
  }
  return runCrowd({ size, settings, plan, makeMember })
}

function makeZwibblerMember({ client, isTeacher, settings, plan, size, storms }) {
  let isIn = false
  let isSame = false

  function enter(onceIn) {
    const began = Date.now()
    isIn = false
    client.join((bytes) => {
      isIn = true
      onceIn(Date.now() - began, bytes)
    })
  }

  async function write() {
    const pause = 1_000 / settings.rate
    while (Date.now() + pause / 2 < plan.endAt) {
      await pauseOf(pause)
      if (Date.now() < plan.endAt) await client.append()
    }
    await sleepUntil(plan.endAt)
    await client.append(true)
  }

  async function weather() {
    for (const at of storms) {
      await sleepUntil(at)
      client.leave()
      await sleep(Math.random() * settings.jitter)
      enter(() => time('back_after', Date.now() - at))
    }
  }

  return {
    arrive: () => enter((ms) => time('joined_after', ms)),
    take() {
      void weather()
      if (isTeacher) void write()
    },
    isOver: () => client.copy.ledger.isOver(size.teachers),
    joinAgain() {
      client.leave()
      enter((_, bytes) => {
        isSame = bytes === 0
        if (!isSame) count('copies_differing')
      })
    },
    isBack: () => isIn,
    report() {
      client.leave()
      client.report()
      const sawAll = client.copy.ledger.isOver(size.teachers) && client.copy.missing() === 0
      count('readers_complete', sawAll && isSame ? 1 : 0)
    },
  }
}
