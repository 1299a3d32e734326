// Units, as checklist/unit.go has them.

/**
 * from, to, mul, div: one exact multiplication and one exact division, so that 10‰ is 1% and not 1.0000000000000002%.
 * A pair that is not here is a wrong unit and goes to a person.
 * @type {[string, string, number, number][]}
 */
const conversions = [
  ['‰', '%', 1, 10],
  ['%', '‰', 10, 1],
  ['ppm', '%', 1, 10000],
  ['%', 'ppm', 10000, 1],
  ['kPa', 'MPa', 1, 1000],
  ['Pa', 'MPa', 1, 1000000],
  ['MPa', 'kPa', 1000, 1],
  ['Pa', 'kPa', 1, 1000],
  ['bar', 'MPa', 1, 10],
  ['mm', 'cm', 1, 10],
  ['mm', 'm', 1, 1000],
  ['cm', 'mm', 10, 1],
  ['cm', 'm', 1, 100],
  ['m', 'cm', 100, 1],
  ['m', 'mm', 1000, 1],
  ['km', 'm', 1000, 1],
  ['g', 'kg', 1, 1000],
  ['kg', 't', 1, 1000],
  ['t', 'kg', 1000, 1],
  ['万t', 't', 10000, 1],
  ['min', 'h', 1, 60],
  ['h', 'min', 60, 1],
  ['h', '天', 1, 24],
  ['天', 'h', 24, 1],
  ['m/min', 'm/s', 1, 60],
  ['m³/h', 'm³/min', 1, 60],
  ['m³/s', 'm³/min', 60, 1],
]

const factors = new Map(conversions.map(([from, to, mul, div]) => [`${from}→${to}`, { mul, div }]))

// The spellings of one unit: full-width signs of Chinese input methods and plain-letter powers.
const parts = new Map([
  ['％', '%'], ['　', ''], [' ', ''], ['m3', 'm³'], ['°C', '℃'], ['毫米', 'mm'], ['厘米', 'cm'], ['千帕', 'kPa'],
  ['兆帕', 'MPa'], ['千克', 'kg'], ['公斤', 'kg'], ['小时', 'h'],
])
const anyPart = new RegExp([...parts.keys()].join('|'), 'g')

// Replaced only when they are the whole unit.
const whole = new Map([['米', 'm'], ['吨', 't'], ['万吨', '万t'], ['分钟', 'min'], ['d', '天'], ['日', '天'], ['PPM', 'ppm'], ['%CH4', '%']])

/**
 * The one spelling of a unit.
 * @param {string} unit
 */
export function spell(unit) {
  const spelt = unit.replace(anyPart, (part) => /** @type {string} */ (parts.get(part)))
  return whole.get(spelt) ?? spelt
}

/**
 * Expresses a value in another unit; undefined where the pair is not in the table. A missing unit is a wrong one.
 * @param {number} value
 * @param {string} from
 * @param {string} to
 */
export function convert(value, from, to) {
  from = spell(from)
  to = spell(to)
  if (from === to) return value
  const factor = factors.get(`${from}→${to}`)
  return factor && (value * factor.mul) / factor.div
}
