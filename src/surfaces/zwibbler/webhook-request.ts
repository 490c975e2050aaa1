/** The one request of the webhook (spec 14), and what its setting may be. */
import type { Credentials } from './management-login.ts'

export interface WebhookTarget {
  readonly url: string
  readonly authorization: string | undefined
}

/**
 * @param credentials the management pair; a name in the URL counts where the pair has none
 * @throws Error that says what is wrong with the URL
 */
export function readWebhookTarget(text: string, credentials?: Credentials): WebhookTarget {
  if (!URL.canParse(text)) throw new Error('the webhook is not a URL')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error('the webhook is not an http or https URL')
  }
  const inUrl = { user: decode(url.username), password: decode(url.password) }
  // `fetch` refuses a URL that holds a name.
  url.username = ''
  url.password = ''
  const pair = credentials !== undefined && credentials.user !== '' ? credentials : inUrl
  return { url: url.href, authorization: basic(pair) }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function basic({ user, password }: Credentials): string | undefined {
  if (user === '') return undefined
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`
}

/** @param documentId without the surface's prefix */
export function webhookRequest(
  target: WebhookTarget,
  event: { readonly id: string; readonly documentId: string },
  signal: AbortSignal,
): RequestInit {
  return {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      // The same for each try, so that a receiver can tell a repetition from a second event.
      'Idempotency-Key': event.id,
      'X-Lengthwise-Event-Id': event.id,
      ...(target.authorization !== undefined && { Authorization: target.authorization }),
    },
    body: `documentID=${encode(event.documentId)}&event=idle-session`,
    // A redirect would carry the credentials somewhere else; it counts as a failure.
    redirect: 'manual',
    signal,
  }
}

/** As the reference encodes forms: everything but letters, digits and `-_.~`, and a space as `+`. */
function encode(text: string): string {
  const hex = (character: string): string =>
    `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, hex)
    .replaceAll('%20', '+')
}
