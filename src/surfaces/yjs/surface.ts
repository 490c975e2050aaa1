/** Yjs documents for y-websocket clients, at `/yjs/<room>`. */
import { protocolFor } from '../../auth/credentials.ts'
import type { Surface } from '../surface.ts'
import { type ConversationOptions, YjsConversation } from './conversation.ts'
import { makeDoor } from './door.ts'

/** Clients give a connection up that brings nothing for 30 s, and look every 3 s. */
const SILENT_MS = 20_000
const LOOK_MS = 2_500
/** Frames above a limit of ours are told so; only those that nobody sends cut the connection. */
const FRAME_BYTES = 128 * 1024 * 1024
/** A program that edits in a loop sends tens of thousands of updates at once: they wait for their turn (`throttle.ts`). */
const MESSAGE_BURST = 5

export interface YjsOptions extends ConversationOptions {
  readonly path: string
  /** Clients are refused by an answer to their upgrade, not by a close code. */
  readonly refusesAtUpgrade: boolean
}

export interface YjsSurface extends Surface {
  close(): void
}

export function makeYjsSurface(options: YjsOptions): YjsSurface {
  const conversations = new Set<YjsConversation>()
  const door = options.refusesAtUpgrade ? makeDoor(options) : undefined
  const keepAlive = setInterval(() => {
    for (const conversation of conversations) conversation.keepAlive(SILENT_MS)
  }, LOOK_MS)
  return {
    name: 'yjs',
    path: options.path,
    hasRooms: true,
    wantsHeaders: true,
    maxMessageBytes: Math.max(FRAME_BYTES, options.limits.update + 1024),
    messageBurst: MESSAGE_BURST,
    protocol: protocolFor,
    ...(door && { admit: (connection) => door.admit(connection) }),
    // Updates are small and hardly shrink; large ones are binary.
    compresses: () => false,
    connect(connection) {
      const onClosed = () => void conversations.delete(conversation)
      const admitted = door?.admissionOf(connection)
      const conversation = new YjsConversation(connection, options, onClosed, admitted)
      conversations.add(conversation)
      return conversation
    },
    http: () =>
      Promise.resolve({ status: 200, headers: { 'Content-Type': 'text/plain' }, body: 'okay' }),
    close() {
      clearInterval(keepAlive)
    },
  }
}
