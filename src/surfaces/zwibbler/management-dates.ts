/** Dates of the management API: RFC 1123, as in `Sat, 21 Nov 2026 02:27:40 GMT` (spec 13). */

const DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}:\d{2}:\d{2}) (GMT|UTC|[+-]\d{4})$/
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/**
 * GMT, UTC or an offset in figures. Names of other zones are refused: the reference takes them for UTC, so a token would
 * live hours longer or shorter than meant.
 * @returns undefined for anything else, the 31st of February among it
 */
export function parseDate(text: string): Date | undefined {
  const [, day, name = '', year, time, zone] = DATE.exec(text) ?? []
  const month = MONTHS.indexOf(name) + 1
  if (day === undefined || year === undefined || time === undefined) return undefined
  const offset = zone === 'GMT' || zone === 'UTC' ? 'Z' : zone?.replace(/(\d{2})$/, ':$1')
  const local = `${year}-${String(month).padStart(2, '0')}-${day}T${time}`
  // A day that the month does not have would be taken for one of the next; month 0 is none.
  if (!isSame(local)) return undefined
  const date = new Date(`${local}${offset ?? ''}`)
  return Number.isNaN(date.getTime()) ? undefined : date
}

function isSame(local: string): boolean {
  const date = new Date(`${local}Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(local)
}
