/**
 * Real clients that work on shared documents, in a pod or anywhere. It is asked over HTTP on loopback:
 *   /begin            a step begins: counts start anew
 *   /report           how the clients are, since then
 *   /settle           nothing is written until every client has everything; judges it against what fresh clients read
 *   /across?hosts=…   what is appended at each of these nodes: how soon others have it; needs no client to be well
 */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { judgeDrawing, openDrawing } from './drawings.mjs'
import { judgeRoom, openRoom } from './rooms.mjs'

const target = process.env.TARGET
const DOCUMENTS = Number(process.env.DOCUMENTS ?? 12)
const CLIENTS = Number(process.env.CLIENTS ?? 4)
const EVERY_MS = 500
const SETTLE_MS = 60_000
const run = Date.now().toString(36)

const kinds = [
  { kind: 'drawing', open: openDrawing, judge: judgeDrawing, contents: (c) => c.text() },
  { kind: 'room', open: openRoom, judge: judgeRoom, contents: (c) => c.entries() },
]
const groups = await Promise.all(
  kinds.flatMap((kind) =>
    Array.from({ length: DOCUMENTS }, async (_, index) => {
      const id = `load-${run}-${kind.kind}-${index}`
      const open = (name) => kind.open({ target, id, name })
      const names = Array.from({ length: CLIENTS }, (_, n) => `${kind.kind}${index}.${n}`)
      return { ...kind, open, clients: await Promise.all(names.map(open)) }
    }),
  ),
)
const everybody = groups.flatMap(({ clients }) => clients)
let isWriting = true
for (const client of everybody) void write(client)

async function write(client) {
  await sleep(Math.random() * EVERY_MS)
  for (;;) {
    if (isWriting) await client.append()
    await sleep(EVERY_MS)
  }
}

const most = (numbers) => Math.round(Math.max(0, ...numbers))
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

function report() {
  const all = everybody.map(({ absences }) => absences.read())
  const states = everybody.flatMap((client) => client.state?.() ?? [])
  return {
    clients: everybody.length,
    connected: all.filter(({ isHere }) => isHere).length,
    reconnects: sum(all.map(({ reconnects }) => reconnects)),
    mostReconnects: most(all.map(({ reconnects }) => reconnects)),
    longestAbsenceMs: most(all.map(({ longestMs }) => longestMs)),
    slowestAppendMs: most(states.map(({ slowestMs }) => slowestMs)),
    acknowledged: sum(states.map(({ acknowledged }) => acknowledged)),
    failures: [...new Set(states.flatMap(({ failure }) => failure ?? []))],
  }
}

async function settle() {
  isWriting = false
  try {
    const judged = await Promise.all(groups.map(judgeInTime))
    const total = (name) => sum(judged.map((one) => one[name]))
    return { lost: total('lost'), doubled: total('doubled'), different: total('different') }
  } finally {
    isWriting = true
  }
}

/** The last judgement within the time: late is not lost. */
async function judgeInTime({ judge, contents, open, clients }) {
  const deadline = performance.now() + SETTLE_MS
  const isIdle = () => clients.every((client) => !client.state?.().unanswered)
  const fresh = await open(`fresh${Math.random()}`)
  for (;;) {
    await sleep(200)
    const verdict = judge(contents(fresh), clients)
    const isDone = isIdle() && Object.values(verdict).every((count) => count === 0)
    if (!isDone && performance.now() < deadline) continue
    fresh.close()
    return isIdle() ? verdict : { ...verdict, different: verdict.different + 1 }
  }
}

async function across(hosts) {
  const id = `across-${run}-${Math.random()}`
  const clients = []
  for (const host of hosts) clients.push(await openDrawing({ target: host, id, name: host }))
  const latencies = []
  for (const author of clients) {
    const before = clients.map((client) => client.text().length)
    const began = performance.now()
    await author.append()
    const others = clients.map(async (client, index) => {
      while (client.text().length === before[index]) {
        if (performance.now() - began > SETTLE_MS) throw new Error(`nothing came to ${client.name}`)
        await sleep(5)
      }
      return performance.now() - began
    })
    latencies.push(...(await Promise.all(others)))
  }
  for (const client of clients) client.close()
  return { nodes: hosts.length, slowestMs: most(latencies) }
}

const begin = () => everybody.forEach((client) => client.begin())
const answers = {
  '/begin': () => (begin(), {}),
  '/report': report,
  '/settle': settle,
  '/across': (query) => across(query.get('hosts').split(',')),
}

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://x')
  try {
    response.end(JSON.stringify(await answers[pathname](searchParams)))
  } catch (error) {
    response.end(JSON.stringify({ error: String(error) }))
  }
}).listen(8080, '127.0.0.1', () => console.log('ready'))
