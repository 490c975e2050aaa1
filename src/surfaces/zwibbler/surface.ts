/** Zwibbler collaboration, versions 2 and 3, at `/socket`. */
import type { HttpAnswer, HttpRequest, Surface } from '../surface.ts'
import { ZwibblerConversation, type ConversationOptions } from './conversation.ts'

export interface ZwibblerOptions extends ConversationOptions {
  readonly isCompressing: boolean
  readonly http: (request: HttpRequest) => Promise<HttpAnswer>
}

export function makeZwibblerSurface(options: ZwibblerOptions): Surface {
  const { initial, append } = options.limits
  return {
    name: 'zwibbler',
    path: '/socket',
    maxMessageBytes: Math.max(initial, append) + 128 * 1024,
    compresses: (query) => options.isCompressing && query.get('compression') !== '0',
    connect: (connection) => new ZwibblerConversation(connection, options),
    http: options.http,
  }
}
