/**
 * Everybody is cut at once and comes back within a jitter, writers too, in the middle of their appends: how long it takes until
 * the last one is back and has what it missed, and how many were refused at the door.
 *
 *   k6 run -e URL=ws://host:3000 -e DOCUMENTS=100 -e STUDENTS=49 -e JITTER=5s storm.js
 */
import { scenariosOf } from './crowd.js'
import { makeSummary, summaryTrendStats, thresholdsOf } from './metrics.js'
import { readSettings } from './settings.js'
import { attend, preparePlan } from './zwibblerMember.js'

const settings = readSettings('storm', __ENV)
const { teachers, students, documents, storms, duration, vus } = settings
const size = { clients: documents * (teachers + students), vus, teachers }

export const options = {
  scenarios: scenariosOf(size, settings),
  thresholds: thresholdsOf(size.clients, settings, { back_after: [`max<${settings.back}`] }),
  summaryTrendStats,
  setupTimeout: '60s',
}

export const setup = () => preparePlan(settings)

export default (plan) => {
  const at = (storm) => plan.writeAt + (duration * (storm + 1)) / (storms + 1)
  return attend({ settings, plan, size, storms: Array.from({ length: storms }, (_, i) => at(i)) })
}

export const handleSummary = makeSummary(
  `storm: ${size.clients} clients on ${documents} documents, ${storms} × cut, back within ${settings.jitter} ms`,
)
