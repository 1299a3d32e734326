// Judges answers with a published pack, as checklist.Pack.Judge does in Go: the same findings, open questions and human
// checks, in the same order and with the same words, so that JSON.stringify of a verdict gives the bytes that the server
// writes. docs/packs.md tells what the verdict means; the comments here tell only what is peculiar to this side.

import { ANSWERED, Cell, equal, FOR_HUMAN, noCell, NOT_APPLICABLE, plain, UNANSWERED, UNSET } from './cell.mjs'
import { Lookup, NO, UNKNOWABLE, YES } from './expression.mjs'
import { Compiled } from './pack.mjs'
import { byBytes, wellFormed } from './text.mjs'

/**
 * @typedef {object} Answer what was found for one item; absent and null fields are not given
 * @property {string} item
 * @property {string | null} [instance] working place; absent is the whole site
 * @property {string | null} [result] conform, nonconform, na or unknown
 * @property {number | null} [number]
 * @property {string | null} [unit]
 * @property {number | null} [count]
 * @property {string | null} [choice]
 * @property {string | null} [text]
 * @property {string | null} [date] "2006-01-02"
 *
 * @typedef {Record<string, string | number | boolean | null | undefined>} Facts
 *
 * @typedef {object} Citation
 * @property {string} ref
 * @property {string} standard
 * @property {string} title
 * @property {string} clause
 * @property {string} heading
 * @property {string} criterion
 * @property {boolean} major
 * @property {boolean} verified
 * @property {string} [note]
 *
 * @typedef {object} Finding
 * @property {string} rule
 * @property {string} [instance]
 * @property {'major' | 'key' | 'general'} class
 * @property {string[]} items
 * @property {Citation[]} clauses
 * @property {string} explanation
 * @property {string} [caveat]
 * @property {boolean} [unverified]
 * @property {number[]} [annex1]
 *
 * @typedef {object} OpenQuestion exactly one of item and fact is set
 * @property {string} [item]
 * @property {string} [fact]
 * @property {string} [instance]
 * @property {string[]} rules
 * @property {boolean} [suspect]
 *
 * @typedef {object} HumanCheck exactly one of item and fact is set
 * @property {string} [item]
 * @property {string} [fact]
 * @property {string} [instance]
 * @property {string[]} [rules]
 * @property {string} reason
 *
 * @typedef {{findings: Finding[], open: OpenQuestion[], human: HumanCheck[]}} Verdict
 */

/**
 * Compiles a pack once for many judgements. The caller has checked the pack's hash. Throws where the format or an
 * expression is not understood: such a pack must not be judged here.
 * @param {string | object} json the published bytes as text, or what JSON.parse makes of them
 */
export function compile(json) {
  return new Compiled(typeof json === 'string' ? JSON.parse(json) : json)
}

/**
 * Judges answers as of the day of the inspection. Pure, and does not fail: what cannot be judged is open or for a person.
 * @param {Compiled} compiled
 * @param {{day?: string, answers?: Answer[], facts?: Facts}} inspection day "2006-01-02", "" where it is not known
 * @returns {Verdict}
 */
export function judge(compiled, { day, answers, facts }) {
  return new Judging(compiled, wellFormed(day), facts ?? {}).judge((answers ?? []).map(plain))
}

/** The state of one judgement. */
class Judging {
  /** @type {Verdict} */
  verdict = { findings: [], open: [], human: [] }
  /** @type {Map<string, string | number | boolean>} */
  facts = new Map()
  /** @type {string[]} instances; 0 is "" */
  names = ['']
  /** @type {Cell[][]} by instance, item */
  cells = []
  /** @type {Set<string>[]} kinds of place that an instance has shown, by instance */
  places = []
  /** @type {Map<number, string[]>} unknown facts on which the applicability of an item hangs, by spot */
  unsure = new Map()
  /** @type {Map<number | string, OpenQuestion>} */
  opened = new Map()
  /** @type {Set<number>} read by a rule that raised a finding, by spot */
  touched = new Set()
  /** @type {Map<string, Counted>[]} by instance */
  tallies = []
  instance = 0 // of the expression that is being evaluated

  /**
   * @param {Compiled} pack
   * @param {string} today
   * @param {Facts} facts
   */
  constructor(pack, today, facts) {
    this.pack = pack
    this.today = today
    this.variables = {
      ans: new Lookup((code) => this.cell(this.instance, this.pack.at(code)).fields(today)),
      facts: new Lookup((code) => this.facts.get(code)),
      tally: new Lookup((code) => bounds(this.count(code, this.instance))),
    }
    for (const fact of pack.facts) {
      const value = Object.hasOwn(facts, fact.code) ? facts[fact.code] : undefined
      if (value === undefined || value === null) continue
      if (isFact(fact, value)) this.facts.set(fact.code, value)
      else this.verdict.human.push({ fact: fact.code, reason: `企业情况“${fact.text}”的内容不对，按未知处理` })
    }
  }

  /**
   * @param {import('./cell.mjs').PlainAnswer[]} answers
   * @returns {Verdict}
   */
  judge(answers) {
    this.#enter(answers)
    this.#applicability()
    for (const rule of this.pack.rules) {
      for (const instance of this.#instancesOf(rule)) this.#rule(rule, instance)
    }
    this.#disagreements()
    return this.verdict
  }

  /**
   * Sorts the answers into cells.
   * @param {import('./cell.mjs').PlainAnswer[]} answers
   */
  #enter(answers) {
    const { pack } = this
    this.names = [...new Set(['', ...answers.map((a) => a.instance)])].sort(byBytes)
    const position = new Map(this.names.map((name, i) => [name, i]))
    this.cells = this.names.map(() => pack.items.map((item) => new Cell(item)))
    this.places = this.names.map(() => new Set())
    this.tallies = this.names.map(() => new Map())
    for (const answer of answers) {
      const i = pack.index.get(answer.item)
      const instance = /** @type {number} */ (position.get(answer.instance))
      if (i === undefined) {
        this.verdict.human.push({ ...(answer.item && { item: answer.item }), ...at(answer.instance), reason: '清单中没有该项目' })
        continue
      }
      const cell = this.cells[instance][i]
      if (cell.answer) {
        if (!equal(cell.answer, answer) && cell.state !== FOR_HUMAN) this.#human(instance, i, '同一项目有两个不同的答案')
        continue
      }
      const reason = cell.take(answer)
      if (reason) this.#human(instance, i, reason)
      const { place } = pack.items[i]
      if (place && instance > 0) this.places[instance].add(place)
    }
  }

  /**
   * An item in a working place.
   * @param {number} instance
   * @param {number} i
   */
  #spot(instance, i) {
    return instance * this.pack.items.length + i
  }

  /**
   * Takes a cell out of the machine's hands.
   * @param {number} instance
   * @param {number} i
   * @param {string} reason
   */
  #human(instance, i, reason) {
    const check = { item: this.pack.items[i].code, ...at(this.names[instance]), reason }
    this.verdict.human.push(check)
    Object.assign(this.cells[instance][i], { state: FOR_HUMAN, human: this.verdict.human.length - 1 })
  }

  /** Evaluates the items' when in order of dependence. */
  #applicability() {
    for (const i of this.pack.order) {
      const when = /** @type {import('./expression.mjs').Expression} */ (this.pack.whens[i])
      const { kind, place } = this.pack.items[i]
      for (let instance = 0; instance < this.names.length; instance++) {
        const cell = this.cells[instance][i]
        if (instance > 0 && cell.state === UNSET && !(place && this.places[instance].has(place))) continue
        switch (this.#evaluate(when, instance)) {
          case NO:
            if (cell.state === ANSWERED && !(kind === 'conform' && cell.answer?.result === 'conform')) {
              this.#human(instance, i, '按企业情况该项不适用，却填了内容')
            } else if (cell.state !== FOR_HUMAN) {
              cell.state = NOT_APPLICABLE
            }
            break
          case UNKNOWABLE:
            if ((cell.state === UNSET || cell.state === UNANSWERED) && this.#excluded(when, instance)) {
              cell.state = NOT_APPLICABLE // it hangs on something that does not apply either
              break
            }
            this.unsure.set(this.#spot(instance, i), when.facts.filter((code) => !this.facts.has(code)))
        }
      }
    }
  }

  /**
   * The answer in a working place, else that of the site, else one that says unanswered.
   * @param {number} instance
   * @param {number} i
   */
  cell(instance, i) {
    const here = this.cells[instance][i]
    if (here.state !== UNSET) return here
    const site = this.cells[0][i]
    return site.state !== UNSET ? site : noCell
  }

  /**
   * @param {import('./expression.mjs').Expression} e
   * @param {number} instance
   */
  #evaluate(e, instance) {
    this.instance = instance
    return e.evaluate(this.variables)
  }

  /**
   * The working places in which a rule is judged.
   * @param {any} rule
   */
  #instancesOf(rule) {
    const { names, cells, places, pack } = this
    const here = []
    if (names.length === 1) return [0]
    for (let instance = 1; instance < names.length; instance++) {
      const concerned = rule.at.some((/** @type {number} */ i) => {
        const { place } = pack.items[i]
        return cells[instance][i].state !== UNSET || (place && places[instance].has(place))
      })
      if (concerned) here.push(instance)
    }
    const site = rule.at.some((/** @type {number} */ i) => {
      if (cells[0][i].state === UNSET) return false
      return pack.items[i].place || cells.some((row, instance) => instance > 0 && row[i].state !== UNSET)
    })
    return site || here.length === 0 ? [0, ...here] : here
  }

  /**
   * Judges one rule in one working place.
   * @param {any} rule
   * @param {number} instance
   */
  #rule(rule, instance) {
    const applies = rule.applies ? this.#evaluate(rule.applies, instance) : YES
    if (applies === NO) return
    switch (this.#evaluate(rule.when, instance)) {
      case NO:
        return
      case YES:
        if (applies === YES) this.#raise(rule, instance)
        else if (!this.#ask(rule, rule.applies, instance, true) && !this.#needsHuman(rule, instance)) this.#fail(rule, instance)
        return
    }
    if (this.#needsHuman(rule, instance) || this.#ask(rule, rule.when, instance, false)) return
    if (rule.at.some((/** @type {number} */ i) => this.cell(instance, i).state === NOT_APPLICABLE)) return
    this.#fail(rule, instance)
  }

  /**
   * @param {any} rule
   * @param {number} instance
   */
  #raise(rule, instance) {
    const held = this.#held(rule, instance)
    /** @type {string[]} */
    const items = []
    /** @type {number[]} */
    const annex1 = []
    for (const [k, code] of rule.reads.entries()) {
      if (!held.has(code) && rule.tallies.length > 0 && !rule.direct.has(code)) continue
      const i = rule.at[k]
      items.push(code)
      const row = this.pack.items[i].annex1
      if (row && !annex1.includes(row)) annex1.push(row)
      this.touched.add(this.#spot(this.cells[instance][i].state === UNSET ? 0 : instance, i))
    }
    this.verdict.findings.push({
      rule: rule.id,
      ...at(this.names[instance]),
      class: rule.class,
      items,
      clauses: rule.clauses,
      explanation: this.#explain(rule.explain, instance),
      ...(rule.caveat && { caveat: rule.caveat }),
      ...(rule.unverified && { unverified: true }),
      ...(annex1.length > 0 && { annex1 }),
    })
  }

  /**
   * Notes the unanswered items and facts of an expression; false when there is none.
   * @param {any} rule
   * @param {import('./expression.mjs').Expression} e
   * @param {number} instance
   * @param {boolean} suspect
   */
  #ask(rule, e, instance, suspect) {
    let found = false
    for (const code of e.items) {
      const i = this.pack.at(code)
      if (this.cell(instance, i).state !== UNANSWERED) continue
      const here = this.#spot(instance, i)
      this.#open(here, rule.id, suspect, () => ({ item: code, ...at(this.names[instance]), rules: [] }))
      for (const fact of this.unsure.get(here) ?? []) this.#open(fact, rule.id, false, () => ({ fact, rules: [] }))
      found = true
    }
    for (const fact of e.facts) {
      if (this.facts.has(fact)) continue
      this.#open(fact, rule.id, suspect, () => ({ fact, rules: [] }))
      found = true
    }
    return found
  }

  /**
   * @param {number | string} key spot of an item, or code of a fact
   * @param {string} rule
   * @param {boolean} suspect
   * @param {() => OpenQuestion} question
   */
  #open(key, rule, suspect, question) {
    let open = this.opened.get(key)
    if (!open) {
      open = question()
      this.opened.set(key, open)
      this.verdict.open.push(open)
    }
    if (suspect) open.suspect = true
    if (open.rules.at(-1) !== rule) open.rules.push(rule) // rules come one after another
  }

  /**
   * Joins a rule to the human checks of the items that it reads.
   * @param {any} rule
   * @param {number} instance
   */
  #needsHuman(rule, instance) {
    let found = false
    for (const i of rule.at) {
      const cell = this.cell(instance, i)
      if (cell.state !== FOR_HUMAN) continue
      found = true
      const { rules = [], reason, ...about } = this.verdict.human[cell.human]
      if (!rules.includes(rule.id)) rules.push(rule.id)
      this.verdict.human[cell.human] = { ...about, rules, reason }
    }
    return found
  }

  /**
   * @param {any} rule
   * @param {number} instance
   */
  #fail(rule, instance) {
    for (const [k, code] of rule.reads.entries()) {
      let reason = `规则“${rule.id}”运行出错，该项必须人工判定`
      if (this.today === '' && this.pack.items[rule.at[k]].kind === 'date') {
        reason = '不知道检查日期，不能计算天数，该项必须人工判定'
      }
      this.verdict.human.push({ item: code, ...at(this.names[instance]), rules: [rule.id], reason })
    }
  }

  /** Keeps the inspector's own word: nonconform on a measured item that no rule raised goes to a person. */
  #disagreements() {
    for (const [instance, row] of this.cells.entries()) {
      for (const [i, cell] of row.entries()) {
        if (cell.state !== ANSWERED || cell.answer?.result !== 'nonconform' || this.touched.has(this.#spot(instance, i))) continue
        if (this.pack.items[i].kind === 'conform' && this.pack.judged.has(i)) continue
        this.#human(instance, i, '检查人员判为不符合，但没有规则据此判定')
      }
    }
  }

  /**
   * Evaluates the members of a tally once in each working place.
   * @param {string} code
   * @param {number} instance
   * @returns {Counted}
   */
  count(code, instance) {
    const known = this.tallies[instance].get(code)
    if (known) return known
    /** @type {Counted} */
    const counted = { most: 0, holding: [] }
    for (const member of this.pack.tallies.get(code)?.members ?? []) {
      const holds = this.#evaluate(member.when, instance)
      if (holds === YES) counted.holding.push(member)
      if (holds === YES || (holds === UNKNOWABLE && !this.#excluded(member.when, instance))) counted.most++
    }
    this.tallies[instance].set(code, counted)
    return counted
  }

  /**
   * Tells that an expression failed only because something does not apply: nothing that it reads is missing.
   * @param {import('./expression.mjs').Expression} e
   * @param {number} instance
   */
  #excluded(e, instance) {
    const states = e.items.map((code) => this.cell(instance, this.pack.at(code)).state)
    return (
      states.includes(NOT_APPLICABLE) &&
      states.every((state) => state === NOT_APPLICABLE || state === ANSWERED) &&
      e.facts.every((code) => this.facts.has(code))
    )
  }

  /**
   * The items of those members of a rule's tallies that hold.
   * @param {any} rule
   * @param {number} instance
   */
  #held(rule, instance) {
    const items = new Set()
    for (const code of rule.tallies) {
      for (const member of this.count(code, instance).holding) member.when.items.forEach((item) => items.add(item))
    }
    return items
  }

  /**
   * Fills a template with what was answered in one working place.
   * @param {string} template
   * @param {number} instance
   */
  #explain(template, instance) {
    return template.replace(/\{([^}]*)\}/g, (_, /** @type {string} */ name) => {
      if (name.startsWith('tally:')) {
        const names = this.count(name.slice('tally:'.length), instance).holding.map((member) => member.name)
        return `${names.length}（${names.join('、')}）`
      }
      if (name.startsWith('days:')) {
        const i = this.pack.at(name.slice('days:'.length))
        return this.cell(instance, i).showDays(this.today)
      }
      const i = this.pack.at(name)
      return this.cell(instance, i).show()
    })
  }
}

/**
 * The outcome of a tally in one working place: the members that hold, and how many could.
 * @typedef {{most: number, holding: import('./pack.mjs').Member[]}} Counted
 */

/**
 * tally["code"] in an expression: its number is known once nothing is unknown.
 * @param {Counted} counted
 */
function bounds({ most, holding }) {
  const least = holding.length
  return { least, most, number: least === most ? least : undefined }
}

/**
 * @param {any} fact
 * @param {unknown} value
 */
function isFact({ kind, choices }, value) {
  switch (kind) {
    case 'choice':
      return typeof value === 'string' && choices.includes(value)
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
  }
  return typeof value === 'boolean'
}

// The working place of a question; the whole site goes without saying.
const at = (/** @type {string} */ instance) => (instance === '' ? {} : { instance })
