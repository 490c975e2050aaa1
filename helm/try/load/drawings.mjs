/** Clients of our own library on shared documents: all read, all write, everything acknowledged is remembered. */
import WebSocket from 'ws'
import { connect } from '../../../src/client/index.ts'
import { makeAbsences } from './absences.mjs'
import { documentToken } from './tokens.mjs'

const LINE = /[^\n]*\n/g

/**
 * @param target where the nodes are, such as ws://lengthwise
 * @param id the document
 * @param name of this client, different from all others
 */
export async function openDrawing({ target, id, name }) {
  const absences = makeAbsences()
  const acknowledged = []
  const read = []
  let unanswered = 0
  let slowestMs = 0
  let sequence = 0
  let failure
  const client = connect({
    url: `${target}/socket`,
    document: () => documentToken(id),
    WebSocket,
    backoff: { minMs: 250, maxMs: 3_000 },
  })
  client.on('data', ({ bytes }) => read.push(Buffer.from(bytes)))
  client.on('reset', ({ error }) => (failure ??= `reset: ${error.message}`))
  client.on('status', ({ state, error }) => {
    if (state === 'joined') absences.here()
    else absences.lost()
    if (state === 'closed' && error) failure ??= error.message
  })
  await client.joined()
  return {
    name,
    absences,
    async append() {
      const line = `${name}:${sequence++}\n`
      const began = performance.now()
      unanswered++
      const outcome = await client.append(Buffer.from(line))
      unanswered--
      slowestMs = Math.max(slowestMs, performance.now() - began)
      if (outcome.kind === 'stored') acknowledged.push(line)
      else failure ??= `append: ${outcome.kind}`
    },
    begin() {
      slowestMs = 0
      absences.begin()
    },
    text: () => Buffer.concat(read).toString(),
    state: () => ({ failure, unanswered, slowestMs, acknowledged: acknowledged.length }),
    acknowledged,
    close: () => client.close(),
  }
}

/** @returns what is wrong with a document's contents, given its clients; empty when nothing is */
export function judgeDrawing(contents, clients) {
  const times = new Map()
  for (const [line] of contents.matchAll(LINE)) times.set(line, (times.get(line) ?? 0) + 1)
  const all = clients.flatMap(({ acknowledged }) => acknowledged)
  return {
    lost: all.filter((line) => !times.has(line)).length,
    doubled: [...times.values()].filter((count) => count > 1).length,
    different: clients.filter((client) => client.text() !== contents).length,
  }
}
