/**
 * Connections that do nothing, more and more of them. At the end one change of each document must reach all who have it open.
 *
 *   k6 run -e URL=ws://host:3000 -e CONNECTIONS=10000 -e DOCUMENTS=1000 idle.js
 */
import { scenariosOf } from './crowd.js'
import { makeSummary, summaryTrendStats, thresholdsOf } from './metrics.js'
import { readSettings } from './settings.js'
import { attend, preparePlan } from './zwibblerMember.js'

const settings = { ...readSettings('idle', __ENV), rate: 0 }
const { connections, vus } = settings
settings.documents = Math.min(settings.documents, connections)
const size = { clients: connections, vus, teachers: 1 }

export const options = {
  scenarios: scenariosOf(size, settings),
  thresholds: thresholdsOf(size.clients, settings),
  summaryTrendStats,
  setupTimeout: '60s',
}

export const setup = () => preparePlan(settings)

export default (plan) => attend({ settings, plan, size })

export const handleSummary = makeSummary(
  `idle: ${connections} connections on ${settings.documents} documents`,
)
