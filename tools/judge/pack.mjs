// Published packs with their expressions compiled.

import { Expression } from './expression.mjs'
import { clip } from './text.mjs'

const FORMAT = 'paicha-pack/1'

/** @typedef {{name: string, when: Expression}} Member of a tally, named by its clause */

/** A pack with its expressions compiled. */
export class Compiled {
  /** @type {any[]} */
  items = []
  /** @type {Map<string, number>} */
  index = new Map()
  /** @type {any[]} */
  facts
  /** @type {Map<string, {members: Member[], reads: string[]}>} */
  tallies = new Map()
  /** @type {(Expression | undefined)[]} by item */
  whens
  /** @type {number[]} items with a when, those read first first */
  order = []
  rules
  /** @type {Set<number>} items that some rule reads */
  judged

  /** @param {any} pack */
  constructor(pack) {
    if (pack?.format !== FORMAT) throw new TypeError(`检查清单格式“${clip(String(pack?.format))}”不认识`)
    this.facts = pack.facts ?? []
    for (const item of pack.sections.flatMap((/** @type {any} */ section) => section.items)) {
      this.index.set(item.code, this.items.length)
      this.items.push(item)
    }
    this.whens = this.items.map((item) => (item.when ? new Expression(item.when) : undefined))
    this.#sortWhens()
    for (const { code, members } of pack.tallies ?? []) {
      const compiled = members.map((/** @type {any} */ m) => ({ name: afterHash(m.clause), when: new Expression(m.when) }))
      this.tallies.set(code, { members: compiled, reads: union(...compiled.map((/** @type {any} */ m) => m.when.items)) })
    }
    const cited = new Map(pack.citations.map((/** @type {any} */ c) => [c.ref, citation(c)]))
    this.rules = pack.rules.map((/** @type {any} */ rule) => this.#rule(rule, cited))
    this.judged = new Set(this.rules.flatMap((/** @type {any} */ rule) => rule.at))
  }

  /**
   * @param {any} rule
   * @param {Map<string, import('./judge.mjs').Citation>} cited
   */
  #rule(rule, cited) {
    const when = this.#withTallies(new Expression(rule.when))
    const applies = rule.applies ? this.#withTallies(new Expression(rule.applies)) : undefined
    const reads = union(when.items, applies?.items ?? [])
    const direct = new Set([...when.direct, ...(applies?.direct ?? [])])
    return {
      ...rule,
      when,
      applies,
      reads,
      direct,
      tallies: [...when.tallies, ...(applies?.tallies ?? [])],
      at: reads.map((code) => this.at(code)),
      clauses: rule.clauses.map((/** @type {string} */ ref) => cited.get(ref)),
    }
  }

  /**
   * An expression reads what the members of its tallies read.
   * @param {Expression} e
   */
  #withTallies(e) {
    for (const code of e.tallies) {
      const { members, reads } = /** @type {any} */ (this.tallies.get(code))
      e.items = union(e.items, reads)
      e.facts = union(e.facts, ...members.map((/** @type {any} */ m) => m.when.facts))
    }
    return e
  }

  /** Orders items so that each applicability is known before another reads it. A published pack has no cycles. */
  #sortWhens() {
    const seen = new Set()
    const visit = (/** @type {number} */ i) => {
      if (seen.has(i)) return
      seen.add(i)
      const when = this.whens[i]
      if (!when) return
      for (const code of when.items) visit(this.at(code))
      this.order.push(i)
    }
    this.items.forEach((_, i) => visit(i))
  }

  /** @param {string} code */
  at(code) {
    const i = this.index.get(code)
    if (i === undefined) throw new TypeError(`项目“${clip(code)}”不存在`)
    return i
  }
}

/**
 * The fields of a citation in the order in which Go writes them.
 * @param {any} c
 * @returns {import('./judge.mjs').Citation}
 */
function citation({ ref, standard, title, clause, heading, criterion, major, verified, note }) {
  return { ref, standard, title, clause, heading, criterion, major, verified, ...(note && { note }) }
}

const union = (/** @type {string[][]} */ ...lists) => [...new Set(lists.flat())]

const afterHash = (/** @type {string} */ ref) => ref.slice(ref.indexOf('#') + 1)
