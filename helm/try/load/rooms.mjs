/** y-websocket clients in shared rooms: all read, all write. */
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import { Doc } from 'yjs'
import { makeAbsences } from './absences.mjs'
import { roomToken } from './tokens.mjs'

export async function openRoom({ target, id, name }) {
  const absences = makeAbsences()
  const doc = new Doc()
  const list = doc.getArray('entries')
  let sequence = 0
  const provider = new WebsocketProvider(`${target}/yjs`, id, doc, {
    params: { token: await roomToken(id) },
    WebSocketPolyfill: WebSocket,
    // Else clients of one process talk to each other, not through the nodes.
    disableBc: true,
    maxBackoffTime: 3_000,
  })
  provider.on('sync', (isSynced) => (isSynced ? absences.here() : absences.lost()))
  provider.on('status', ({ status }) => status === 'disconnected' && absences.lost())
  const written = []
  await new Promise((resolve) => provider.once('sync', resolve))
  return {
    name,
    absences,
    append() {
      const entry = `${name}:${sequence++}`
      written.push(entry)
      list.push([entry])
    },
    begin: () => absences.begin(),
    written,
    entries: () => list.toArray(),
    close() {
      provider.destroy()
      doc.destroy()
    },
  }
}

/** A y-websocket client keeps what was not stored and brings it back, so whatever was written has to be there, once. */
export function judgeRoom(entries, clients) {
  const all = clients.flatMap(({ written }) => written)
  const there = new Set(entries)
  const order = JSON.stringify(entries)
  return {
    lost: all.filter((entry) => !there.has(entry)).length,
    doubled: entries.length - there.size,
    different: clients.filter((client) => JSON.stringify(client.entries()) !== order).length,
  }
}
