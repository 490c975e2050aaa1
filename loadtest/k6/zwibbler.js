/**
 * Teachers write, students watch: what the time is from one screen to another, and whether everybody sees everything.
 *
 *   k6 run -e URL=ws://host:3000 -e TEACHERS=5 -e STUDENTS=200 zwibbler.js
 */
import { scenariosOf } from './crowd.js'
import { makeSummary, summaryTrendStats, thresholdsOf } from './metrics.js'
import { readSettings } from './settings.js'
import { attend, preparePlan } from './zwibblerMember.js'

const settings = readSettings('zwibbler', __ENV)
const { teachers, students, documents, vus } = settings
const size = { clients: documents * (teachers + students), vus, teachers }

export const options = {
  scenarios: scenariosOf(size, settings),
  thresholds: thresholdsOf(size.clients, settings),
  summaryTrendStats,
  setupTimeout: '60s',
}

export const setup = () => preparePlan(settings)

export default (plan) => attend({ settings, plan, size })

export const handleSummary = makeSummary(
  `zwibbler: ${documents} × (${teachers} teachers, ${students} students), ${settings.rate}/s each, ${settings.size} bytes`,
)
