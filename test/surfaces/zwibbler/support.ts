import type { DocumentStore, Epoch } from '../../../src/core/ports.ts'
import type { HttpRequest } from '../../../src/surfaces/surface.ts'
import { HttpError } from '../../../src/surfaces/surface.ts'

export interface RequestParts {
  method?: string
  query?: string
  headers?: Record<string, string>
  body?: Uint8Array | string
}

export type FakeRequest = HttpRequest & { readonly bodyWasRead: boolean }

export function makeRequest(parts: RequestParts = {}): FakeRequest {
  let bodyWasRead = false
  return {
    id: '1',
    method: parts.method ?? 'POST',
    path: '/socket',
    query: new URLSearchParams(parts.query ?? ''),
    headers: new Map(Object.entries(parts.headers ?? {})),
    body: (limit) => {
      bodyWasRead = true
      const body = Buffer.from(parts.body ?? '')
      if (body.length > limit) return Promise.reject(new HttpError(413, 'too large'))
      return Promise.resolve(body)
    },
    get bodyWasRead() {
      return bodyWasRead
    },
  }
}

export type FakeStore = Pick<DocumentStore, 'open' | 'find' | 'read' | 'remove'> & {
  readonly documents: Map<string, { epoch: Epoch; data: Uint8Array }>
  readonly reads: [from: number, to: number][]
  /** The next calls fail with this. */
  error?: Error
}

/** As much of the store as the management API needs. */
export function makeStore(documents: Record<string, string> = {}): FakeStore {
  let epochs = 0
  const self: FakeStore = {
    documents: new Map(),
    reads: [],
    open: ({ id, initial }) => {
      if (self.error) return Promise.reject(self.error)
      if (self.documents.has(id)) return Promise.resolve({ kind: 'exists' })
      const epoch = ++epochs
      self.documents.set(id, { epoch, data: initial })
      return Promise.resolve({ kind: 'opened', epoch, length: initial.length, created: true })
    },
    find: (id) => {
      if (self.error) return Promise.reject(self.error)
      const found = self.documents.get(id)
      return Promise.resolve(found && { epoch: found.epoch, length: found.data.length })
    },
    read: (epoch, from, to) => {
      self.reads.push([from, to])
      const found = [...self.documents.values()].find((document) => document.epoch === epoch)
      return Promise.resolve(found?.data.slice(from, to) ?? new Uint8Array())
    },
    remove: (id) => {
      if (self.error) return Promise.reject(self.error)
      const epoch = self.documents.get(id)?.epoch
      self.documents.delete(id)
      return Promise.resolve(epoch)
    },
  }
  for (const [id, text] of Object.entries(documents)) {
    self.documents.set(id, { epoch: ++epochs, data: Buffer.from(text) })
  }
  return self
}
