// Judges answers with a published pack, as checklist.Pack.Judge does in Go: the same findings, open questions and human
// checks, in the same order and with the same words, so that JSON.stringify of a verdict gives the bytes that the server
// writes. docs/packs.md tells what the verdict means; the comments here tell only what is peculiar to this side.

import { Expression, Lookup, NO, UNKNOWABLE, YES } from './expression.mjs'
import { byBytes, clip, daysUntil, isDay, show, wellFormed } from './text.mjs'
import { convert, spell } from './unit.mjs'

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

const FORMAT = 'paicha-pack/1'

// States of a cell. UNSET: no answer given here; the site's answer is used where there is one.
const UNSET = 0
const UNANSWERED = 1
const ANSWERED = 2
const NOT_APPLICABLE = 3
const FOR_HUMAN = 4

const resultWords = new Map([['conform', '符合'], ['nonconform', '不符合'], ['na', '不适用']])

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

/** A pack with its expressions compiled. */
class Compiled {
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
   * @param {Map<string, Citation>} cited
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
   * @param {PlainAnswer[]} answers
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
   * @param {PlainAnswer[]} answers
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
      const when = /** @type {Expression} */ (this.pack.whens[i])
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
   * @param {Expression} e
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
   * @param {Expression} e
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
   * @param {Expression} e
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
        return `${names.length} 条（${names.join('、')}）`
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

/** The answer of one item in one working place. */
class Cell {
  state = UNSET
  human = -1 // position of its human check
  /** @type {PlainAnswer | undefined} */
  answer
  number = 0 // in the item's unit; a count as a number
  /** @type {any} */
  item

  /** @param {any} item */
  constructor(item) {
    this.item = item
  }

  /**
   * Checks one answer against the item. The reason is given where a person must look.
   * @param {PlainAnswer} a
   * @returns {string | undefined}
   */
  take(a) {
    const { kind } = this.item
    this.answer = a
    this.state = ANSWERED
    const value =
      a.number !== undefined || a.count !== undefined || a.choice !== '' || (a.text !== '' && kind === 'text') || a.date !== ''
    switch (a.result) {
      case '':
      case 'conform':
      case 'nonconform':
        break
      case 'na':
      case 'unknown':
        if (value) return '同时填了数值和“不适用”或“未知”'
        this.state = a.result === 'na' ? NOT_APPLICABLE : UNANSWERED
        return undefined
      default:
        return `检查结果“${clip(a.result)}”不认识`
    }
    if (kind === 'conform') {
      if (a.result !== '') return undefined
      if (value) return '该项应填符合或不符合'
      this.state = UNSET
      return undefined
    }
    if (!value) {
      if (a.result !== '') return '该项应填测得的值，只填了符合或不符合'
      this.state = UNSET
      return undefined
    }
    return this.#read(a)
  }

  /**
   * Takes the value of an answer that has one.
   * @param {PlainAnswer} a
   * @returns {string | undefined}
   */
  #read(a) {
    const { kind, unit = '', choices = [] } = this.item
    switch (kind) {
      case 'number': {
        if (a.number === undefined || !Number.isFinite(a.number)) return '该项应填数值'
        const n = convert(a.number, a.unit, unit)
        if (n === undefined) return `单位“${clip(a.unit)}”不能换算为“${unit}”`
        if (!Number.isFinite(n)) return `数值过大，不能换算为“${unit}”`
        this.number = n
        return undefined
      }
      case 'count':
        if (a.count === undefined || !Number.isSafeInteger(a.count) || a.count < 0) return '该项应填不小于零的个数'
        this.number = a.count + 0 // -0 is 0
        return undefined
      case 'choice':
        return choices.includes(a.choice) ? undefined : `选项“${clip(a.choice)}”不在清单中`
      case 'text':
        return a.text === '' ? '该项应填文字' : undefined
      case 'date':
        return isDay(a.date) ? undefined : `日期“${clip(a.date)}”不对`
    }
    return undefined
  }

  /**
   * ans["code"] in an expression. What does not apply has the result "na" and no value; what is unanswered or needs a
   * person is absent.
   * @param {string} today
   */
  fields(today) {
    const { answer, item } = this
    if (this.state === NOT_APPLICABLE) return item.kind === 'conform' ? { result: 'na' } : noFields
    if (this.state !== ANSWERED || !answer) return undefined
    switch (item.kind) {
      case 'conform':
        return { result: answer.result }
      case 'number':
        return { number: this.number }
      case 'count':
        return { count: this.number }
      case 'choice':
        return { choice: answer.choice }
      case 'text':
        return { text: answer.text }
    }
    return {
      date: answer.date,
      get days() {
        return daysUntil(answer.date, today)
      },
    }
  }

  /** The answer as a person reads it. A converted number shows both: 12‰（折合 1.2%）. */
  show() {
    const { kind, unit = '' } = this.item
    switch (this.state) {
      case NOT_APPLICABLE:
        return '不适用'
      case FOR_HUMAN:
        return '（待人工判定）'
      case ANSWERED:
        break
      default:
        return '（未填）'
    }
    const a = /** @type {PlainAnswer} */ (this.answer)
    switch (kind) {
      case 'number': {
        const shown = show(this.number) + unit
        if (spell(a.unit) === spell(unit)) return shown
        return `${show(/** @type {number} */ (a.number))}${a.unit}（折合 ${shown}）`
      }
      case 'count':
        return show(this.number) + unit
      case 'conform':
        return resultWords.get(a.result) ?? ''
      case 'choice':
        return a.choice
      case 'date':
        return a.date
    }
    return clip(a.text)
  }

  /**
   * The days from a date to the day of the inspection.
   * @param {string} today
   */
  showDays(today) {
    if (this.state !== ANSWERED || !this.answer) return this.show()
    const days = daysUntil(this.answer.date, today)
    return days === undefined ? '（未知）' : show(days)
  }
}

const noFields = new Lookup(() => undefined)
const noCell = new Cell({})
noCell.state = UNANSWERED

/**
 * The outcome of a tally in one working place: the members that hold, and how many could.
 * @typedef {{name: string, when: Expression}} Member
 * @typedef {{most: number, holding: Member[]}} Counted
 */

/**
 * tally["code"] in an expression: its number is known once nothing is unknown.
 * @param {Counted} counted
 */
function bounds({ most, holding }) {
  const least = holding.length
  return { least, most, number: least === most ? least : undefined }
}

/** @typedef {ReturnType<typeof plain>} PlainAnswer */

/**
 * An answer as it will reach the server: what is absent is empty.
 * @param {Answer} a
 */
function plain(a) {
  return {
    item: wellFormed(a.item),
    instance: wellFormed(a.instance),
    result: wellFormed(a.result),
    number: a.number ?? undefined,
    unit: wellFormed(a.unit),
    count: a.count ?? undefined,
    choice: wellFormed(a.choice),
    text: wellFormed(a.text),
    date: wellFormed(a.date),
  }
}

/**
 * @param {PlainAnswer} a
 * @param {PlainAnswer} b
 */
function equal(a, b) {
  return (
    a.result === b.result && a.number === b.number && a.unit === b.unit && a.count === b.count && a.choice === b.choice &&
    a.text === b.text && a.date === b.date
  )
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

/**
 * The fields of a citation in the order in which Go writes them.
 * @param {any} c
 * @returns {Citation}
 */
function citation({ ref, standard, title, clause, heading, criterion, major, verified, note }) {
  return { ref, standard, title, clause, heading, criterion, major, verified, ...(note && { note }) }
}

// The working place of a question; the whole site goes without saying.
const at = (/** @type {string} */ instance) => (instance === '' ? {} : { instance })

const union = (/** @type {string[][]} */ ...lists) => [...new Set(lists.flat())]

const afterHash = (/** @type {string} */ ref) => ref.slice(ref.indexOf('#') + 1)
