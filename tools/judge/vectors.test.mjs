// Runs the vectors that the server runs: checklist/testdata/vectors.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

import { compile, judge } from './judge.mjs'

const folder = new URL('../../checklist/testdata/vectors/', import.meta.url)
const names = readdirSync(folder).filter((name) => /^judge-.*\.json$/.test(name))

const read = (/** @type {string} */ name) => readFileSync(new URL(name, folder), 'utf8')

/** @type {Map<string, ReturnType<typeof compile>>} */
const packs = new Map()

/** @param {string} name */
function pack(name) {
  const compiled = packs.get(name) ?? compile(read(name))
  packs.set(name, compiled)
  return compiled
}

/**
 * A verdict as a vector has it: the clauses of findings by reference.
 * @param {import('./judge.mjs').Verdict} verdict
 */
function wanted({ findings, open, human }) {
  return {
    findings: findings.map((finding) => ({ ...finding, clauses: finding.clauses.map((clause) => clause.ref) })),
    open,
    human,
  }
}

test('there are vectors', () => assert.ok(names.length >= 10))

for (const name of names) {
  const vector = JSON.parse(read(name))
  test(vector.name, () => {
    assert.deepEqual(wanted(judge(pack(vector.pack), vector)), vector.want)
  })
}

test('a pack of another format is refused', () => {
  assert.throws(() => compile({ format: 'paicha-pack/2' }), /格式/)
})

test('a pack whose expression is not understood is refused', () => {
  const other = JSON.parse(read('pack.json'))
  other.rules[0].when = 'ans["calibrated"].date <'
  assert.throws(() => compile(other))
})
