// Numbers, days and strings as Go has them.

/**
 * A number as strconv.FormatFloat(v, 'f', -1, 64) writes it: the shortest digits, never an exponent.
 * @param {number} v
 */
export function show(v) {
  if (!Number.isFinite(v)) return Number.isNaN(v) ? 'NaN' : v > 0 ? '+Inf' : '-Inf'
  if (Object.is(v, -0)) return '-0'
  const [mantissa, exponent] = String(v).split('e')
  if (exponent === undefined) return mantissa
  const [, sign, first, rest = ''] = /** @type {RegExpMatchArray} */ (mantissa.match(/^(-?)(\d)(?:\.(\d+))?$/))
  const point = 1 + Number(exponent) // where the point falls among the digits
  if (point <= 0) return sign + '0.' + '0'.repeat(-point) + first + rest
  return sign + (first + rest).padEnd(point, '0') // JavaScript writes an exponent from 1e21 on: no digit is left behind
}

/**
 * A unit as a person reads it after a number: a ratio has none, and months are counted with 个.
 * @param {string} unit
 */
export const shownUnit = (unit) => (unit === '比值' ? '' : unit === '月' ? '个月' : unit)

/**
 * The first 60 characters, for what came from outside.
 * @param {string} s
 */
export function clip(s) {
  if (s.length <= 60) return s
  const characters = Array.from(s)
  return characters.length > 60 ? characters.slice(0, 60).join('') + '…' : s
}

/**
 * Orders strings by their UTF-8 bytes, which is the order of code points and not that of JavaScript's UTF-16 units.
 * @param {string} a
 * @param {string} b
 */
export function byBytes(a, b) {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

// Surrogates stand for code points above all others.
const rank = (/** @type {number} */ unit) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit)

/**
 * What a string is after a way through UTF-8: a lone surrogate becomes U+FFFD. What is not a string is the empty one.
 * @param {unknown} s
 */
export function wellFormed(s) {
  return typeof s === 'string' ? s.replace(/[\ud800-\udfff]/gu, '\ufffd') : ''
}

const millisecondsOfDay = 24 * 60 * 60 * 1000

/**
 * A day "2006-01-02" as days since 1970; undefined where it is no day of the calendar.
 * @param {string} day
 */
function ordinal(day) {
  const match = day.match(/^(\d{4})-(\d{2})-(\d{2})$/)
  if (!match) return undefined
  const [year, month, date] = match.slice(1).map(Number)
  const d = new Date(0)
  d.setUTCFullYear(year, month - 1, date) // Date.UTC would take the year 23 for 1923
  if (d.getUTCMonth() !== month - 1 || d.getUTCDate() !== date) return undefined
  return d.getTime() / millisecondsOfDay
}

/** @param {string} day */
export const isDay = (day) => ordinal(day) !== undefined

/**
 * The days from one day to another, negative where that lies before; undefined where one of them is not known.
 * @param {string} from
 * @param {string} to
 */
export function daysUntil(from, to) {
  const a = ordinal(from)
  const b = ordinal(to)
  return a === undefined || b === undefined ? undefined : b - a
}
