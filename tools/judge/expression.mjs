// The language of rules: the part of CEL that checklist/expression.go accepts, evaluated by @marcbachmann/cel-js.

import { Environment } from '@marcbachmann/cel-js'

/** The outcome of an expression; unknowable is an error in CEL. */
export const UNKNOWABLE = 0
export const YES = 1
export const NO = 2

// One for all: most of what is judged is absent somewhere, and an Error with its stack costs more than the rest.
const absent = new Error('absent')

/**
 * A map of CEL that is asked instead of filled: no map is built for a judgement. What the function answers with
 * undefined is absent, and an absent key is an error, which && and || absorb.
 */
export class Lookup extends Map {
  #find

  /** @param {(key: string) => unknown} find */
  constructor(find) {
    super()
    this.#find = find
  }

  /** @param {string} key */
  get(key) {
    const value = this.#find(key)
    if (value === undefined) throw absent
    return value
  }

  /** @param {string} key */
  has(key) {
    return this.#find(key) !== undefined
  }
}

/** @typedef {{ans: Lookup, facts: Lookup, tally: Lookup}} Variables */

// A list may mix constants with answers: [1.0, ans["x"].number].
const language = new Environment({ homogeneousAggregateLiterals: false })
  .registerType('Lookup', Lookup)
  .registerVariable('ans', 'Lookup')
  .registerVariable('facts', 'Lookup')
  .registerVariable('tally', 'Lookup')

const nothing = { ans: new Lookup(() => undefined), facts: new Lookup(() => undefined), tally: new Lookup(() => undefined) }

/** A compiled expression with what it reads, in the order of first use. */
export class Expression {
  /** @type {string[]} those of its tallies too, once they are known */
  items = []
  /** @type {string[]} without those that only a tally reads */
  direct = []
  /** @type {string[]} */
  facts = []
  /** @type {string[]} */
  tallies = []
  #program
  // What comes out where nothing is known of what it reads, which is so of most rules most of the time.
  #blank

  /**
   * A pack that does not compile here must not be judged here: what errs would count as unknown.
   * @param {string} source
   */
  constructor(source) {
    this.#program = language.parse(source)
    this.#visit(this.#program.ast)
    this.items = [...this.direct]
    const { valid, error } = this.#program.check()
    if (!valid) throw error
    this.#blank = this.#run(nothing)
  }

  /**
   * @param {Variables} variables
   * @returns {number} YES, NO or UNKNOWABLE
   */
  evaluate(variables) {
    const { ans, facts } = variables
    const known = this.tallies.length > 0 || this.direct.some((code) => ans.has(code)) || this.facts.some((code) => facts.has(code))
    return known ? this.#run(variables) : this.#blank
  }

  /** @param {Variables} variables */
  #run(variables) {
    let value
    try {
      value = this.#program(variables)
    } catch {
      return UNKNOWABLE
    }
    return value === true ? YES : value === false ? NO : UNKNOWABLE
  }

  /** @param {any} node */
  #visit(node) {
    const { op, args } = node
    if (op === '[]' && args[0].op === 'id') {
      /** @type {Record<string, string[]>} */
      const lists = { ans: this.direct, facts: this.facts, tally: this.tallies }
      const read = lists[args[0].args]
      if (read && !read.includes(args[1].args)) read.push(args[1].args)
      return
    }
    for (const child of children(node)) this.#visit(child)
  }
}

/** @param {any} node */
function children({ op, args }) {
  switch (op) {
    case 'value':
    case 'id':
      return []
    case '.':
      return [args[0]]
    case 'rcall':
      return [args[1], ...args[2]]
    case '!_':
    case '-_':
      return [args]
  }
  return args
}
