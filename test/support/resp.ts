/**
 * Cuts a stream of Redis answers into whole values, as RESP2 and RESP3 frame them, without looking further into them than
 * a pub/sub message needs.
 *
 *   `+text` `-error` `:1` `_` `#t` `,1.5` `(9…`    one line
 *   `$n` `=n` `!n`                                 a line, then n bytes and a line end; n = -1: nothing
 *   `*n` `~n` `>n` `%n` `|n`                       a line, then n values (twice as many for `%` and `|`)
 */
export interface RedisMessage {
  channel: string
}

/** Feed bytes, get whole values. */
export function makeRespCutter(): (bytes: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0)
  return (bytes) => {
    const data = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes
    const values: Buffer[] = []
    let at = 0
    for (let end = endOf(data, 0); end > 0; end = endOf(data, at)) {
      values.push(data.subarray(at, end))
      at = end
    }
    rest = data.subarray(at)
    return values
  }
}

/** Whether a value is a message of a subscription (not the answer to a command), and of which channel. */
export function messageOf(value: Buffer): RedisMessage | undefined {
  const isList = value[0] === code('>') || value[0] === code('*')
  if (!isList) return undefined
  const kind = bulkAt(value, lineEnd(value, 0))
  if (kind?.text !== 'message' && kind?.text !== 'smessage') return undefined
  const channel = bulkAt(value, kind.end)
  return channel && { channel: channel.text }
}

/** Where the value that begins at `at` ends; 0 when it is not all there. */
function endOf(data: Buffer, at: number): number {
  const line = at < data.length ? lineEnd(data, at) : 0
  if (line === 0) return 0
  const type = String.fromCharCode(data[at] ?? 0)
  const count = Number(data.toString('latin1', at + 1, line - 2))
  if ('$=!'.includes(type)) {
    const end = count < 0 ? line : line + count + 2
    return end <= data.length ? end : 0
  }
  if (!'*~>%|'.includes(type)) return line
  // An attribute is followed by the value that it describes.
  const values = type === '%' ? count * 2 : type === '|' ? count * 2 + 1 : count
  let end = line
  for (let i = 0; i < values; i++) {
    end = endOf(data, end)
    if (end === 0) return 0
  }
  return end
}

function bulkAt(data: Buffer, at: number): { text: string; end: number } | undefined {
  if (data[at] !== code('$')) return undefined
  const start = lineEnd(data, at)
  const size = Number(data.toString('latin1', at + 1, start - 2))
  return { text: data.toString('latin1', start, start + size), end: start + size + 2 }
}

/** Just behind the line end of the line at `at`; 0 when there is none yet. */
function lineEnd(data: Buffer, at: number): number {
  return data.indexOf('\r\n', at) < 0 ? 0 : data.indexOf('\r\n', at) + 2
}

function code(letter: string): number {
  return letter.charCodeAt(0)
}
