/** Which web pages may connect. Only browsers send `Origin`; they cannot forge it, everybody else could. */

/**
 * @param allowed origins such as `https://board.example`, or `*`; undefined: the server's own host, and loopback
 * @param isGuarded clients have something to lose, such as a cookie that the browser sends along: pages of whatever else listens
 *   on somebody's machine are strangers then, unless the server is there too
 * @returns a check of an `Origin` header against the request's `Host`; a request without `Origin` is no browser's
 * @example makeOriginCheck(undefined)('https://board.example', 'board.example:3000') // true
 */
export function makeOriginCheck(
  allowed: readonly string[] | undefined,
  isGuarded = false,
): (origin: string, host: string) => boolean {
  if (allowed === undefined) {
    const isNear = (origin: string, host: string): boolean =>
      isLoopback(origin) && (!isGuarded || isLoopback(`http://${host}`))
    return (origin, host) => origin === '' || isSameHost(origin, host) || isNear(origin, host)
  }
  const origins = new Set(allowed.map((origin) => normalOf(origin)))
  return (origin) => origin === '' || origins.has('*') || origins.has(normalOf(origin))
}

/** The host's name alone: a surface on a port of its own serves the pages of the shared port too. */
function isSameHost(origin: string, host: string): boolean {
  const name = hostNameOf(origin)
  return name !== undefined && name === hostNameOf(`http://${host}`)
}

function isLoopback(origin: string): boolean {
  const name = hostNameOf(origin)
  if (name === undefined) return false
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name)
}

function hostNameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined
}

/** Lower case, without a default port: as browsers write it. `null` (files, sandboxes) stays as it is. */
function normalOf(origin: string): string {
  if (!/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return origin
  return new URL(origin).origin
}
