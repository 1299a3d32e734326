// Answers as they are entered: one in each working place for each item.

import { Lookup } from './expression.mjs'
import { clip, daysUntil, isDay, show, shownUnit, wellFormed } from './text.mjs'
import { convert, spell } from './unit.mjs'

// States of a cell. UNSET: no answer given here; the site's answer is used where there is one.
export const UNSET = 0
export const UNANSWERED = 1
export const ANSWERED = 2
export const NOT_APPLICABLE = 3
export const FOR_HUMAN = 4

const resultWords = new Map([['conform', '符合'], ['nonconform', '不符合'], ['na', '不适用']])

/** The answer of one item in one working place. */
export class Cell {
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
        const shown = show(this.number) + shownUnit(unit)
        if (spell(a.unit) === spell(unit)) return shown
        return `${show(/** @type {number} */ (a.number))}${a.unit}（折合 ${shown}）`
      }
      case 'count':
        return show(this.number) + shownUnit(unit)
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

// What does not apply has no value.
const noFields = new Lookup(() => undefined)

/** Stands where neither the place nor the site has an answer. */
export const noCell = new Cell({})
noCell.state = UNANSWERED

/** @typedef {ReturnType<typeof plain>} PlainAnswer */

/**
 * An answer as it will reach the server: what is absent is empty.
 * @param {import('./judge.mjs').Answer} a
 */
export function plain(a) {
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
export function equal(a, b) {
  return (
    a.result === b.result && a.number === b.number && a.unit === b.unit && a.count === b.count && a.choice === b.choice &&
    a.text === b.text && a.date === b.date
  )
}
