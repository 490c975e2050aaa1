/**
 * The connection of a document: y-websocket's provider, and how it is.
 *
 *   connecting ─▶ joined ◀─▶ waiting      lost, and tried again by the provider
 *                   ▲
 *                   ▼
 *               suspended                 by `suspend` and `resume`
 *   any ─▶ closed                         the server will not have us (close codes 4400 to 4499)
 */
import { WebsocketProvider } from 'y-websocket'
import type { Doc } from 'yjs'

export type LinkState =
  | { readonly kind: 'connecting' | 'joined' | 'waiting' | 'suspended' }
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }

export interface LinkOptions {
  /** Of the surface, without the room. */
  readonly url: string
  readonly room: string
  readonly params: Record<string, string>
  readonly changed: () => void
}

export type Link = ReturnType<typeof makeLink>

export function makeLink(doc: Doc, { url, room, params, changed }: LinkOptions) {
  const provider = new WebsocketProvider(url, room, doc, {
    params,
    connect: false,
    // Two windows of one browser would tell each other, and show nothing of the server.
    disableBc: true,
  })
  let state: LinkState = { kind: 'connecting' }
  let canWrite = true
  let hasUnsent = false

  function become(next: LinkState): void {
    state = next
    if (next.kind === 'joined') hasUnsent = false
    changed()
  }

  provider.on('status', ({ status }) => {
    if (status === 'connecting') listenForStep1()
  })
  provider.on('sync', (isSynced) => {
    if (isSynced) become({ kind: 'joined' })
  })
  provider.on('connection-close', () => {
    become({ kind: provider.shouldConnect ? 'waiting' : 'suspended' })
  })
  provider.on('closed', ({ code, reason }) => become({ kind: 'closed', code, reason }))
  doc.on('update', (_update, origin) => {
    if (origin === provider || state.kind === 'joined' || hasUnsent) return
    hasUnsent = true
    changed()
  })

  /** A server asks who may write for what it lacks, before it says that all is there; readers it does not ask. */
  function listenForStep1(): void {
    let wasAsked = false
    provider.ws!.addEventListener('message', ({ data }) => {
      const [type, step] = new Uint8Array(data as ArrayBuffer)
      if (type !== 0 || step === 2) return
      wasAsked ||= step === 0
      if (canWrite === wasAsked) return
      canWrite = wasAsked
      changed()
    })
  }

  return {
    provider,
    get state() {
      return state
    },
    get canWrite() {
      return canWrite
    },
    /** Whether there are changes that no server has been sent. */
    get hasUnsent() {
      return hasUnsent
    },
    suspend: () => provider.disconnect(),
    resume() {
      become({ kind: 'waiting' })
      provider.connect()
    },
    connect: () => provider.connect(),
  }
}
