/**
 * Editors type in rooms, with the real Yjs: what the time is from one screen to another, and whether everybody ends with the
 * same text. It has to be bundled first: `npm run load -- scripts FOLDER` writes it there as one file.
 *
 *   k6 run -e URL=ws://host:3000 -e EDITORS=20 -e DOCUMENTS=5 yjs.js
 */
import { addressOf, makeRunName, namesOf, pauseOf, runCrowd, scenariosOf } from './crowd.js'
import { seatOf, sleepUntil, timesFrom } from './crowd.js'
import { count, makeSummary, summaryTrendStats, thresholdsOf, time, touchAll } from './metrics.js'
import { readSettings } from './settings.js'
import { makeDoc, makeYjsClient } from './yjsClient.js'
import { makeEditor } from './yjsEditor.js'

const settings = readSettings('yjs', __ENV)
const { editors, documents, vus, rate, tokens } = settings
const size = { clients: documents * editors, vus }

/** When connections break, a change may be stored twice: on its way, and in the answer to what the next node lacks. */
const onlyOnce = settings.lost > 0 ? {} : { updates_useless: ['count==0'] }

export const options = {
  scenarios: scenariosOf(size, settings),
  thresholds: thresholdsOf(size.clients, settings, onlyOnce),
  summaryTrendStats,
}

export function setup() {
  touchAll(['updates_useless'])
  return { run: makeRunName(), names: namesOf(settings), ...timesFrom(Date.now(), settings) }
}

export default (plan) =>
  runCrowd({ size, settings, plan, makeMember: (number) => makeMember(plan, number) })

const urlsOf = (room, place) => {
  const token = tokens[place % tokens.length]
  const query = token === undefined ? '' : `?token=${encodeURIComponent(token)}`
  return settings.urls.map((url) => `${addressOf(url, '/yjs')}/${room}${query}`)
}

function makeMember(plan, number) {
  const { place, seat, first } = seatOf(number, settings)
  const urls = urlsOf(plan.names[place], place)
  const editor = makeEditor({
    urls,
    first,
    run: plan.run,
    author: seat,
    editors,
    size: settings.size,
  })
  /** Somebody who has nothing comes at the end, to another node, and must find what the editor has. */
  const doc = makeDoc()
  const nothing = () => undefined
  const hears = { beforeUpdate: nothing, onStored: nothing, onWrong: nothing }
  const newcomer = makeYjsClient({ urls, first: first + 1, doc, ...hears })
  let isBack = false
  let isSame = false

  async function take() {
    const pause = 1_000 / rate
    while (Date.now() + pause / 2 < plan.endAt) {
      await pauseOf(pause)
      if (Date.now() < plan.endAt) editor.change()
    }
    await sleepUntil(plan.endAt)
    editor.change(true)
  }

  return {
    arrive: () => editor.join((ms) => time('joined_after', ms)),
    take,
    isOver: editor.isOver,
    joinAgain() {
      editor.leave()
      newcomer.join(() => {
        isBack = true
        isSame = editor.equals(doc)
        if (!isSame) count('copies_differing')
      })
    },
    isBack: () => isBack,
    report() {
      editor.leave()
      newcomer.leave()
      count('readers_complete', editor.report() && isSame ? 1 : 0)
    },
  }
}

export const handleSummary = makeSummary(
  `yjs: ${documents} × ${editors} editors, ${rate} changes/s each, ${settings.size} letters`,
)
