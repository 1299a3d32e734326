// What a tablet signs of an inspection (docs/signing.md), with nothing but the language and WebCrypto.
// Run with files of docs/vectors/signing it prints, a line each, the content and a new signature.

import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const utf8 = new TextEncoder()
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Canonical JSON (RFC 8785): names sorted by UTF-16 code units, the rest as JSON.stringify writes it. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
  return `{${members.join(',')}}`
}

const time = (text) => (text ? new Date(text).toISOString() : undefined)
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0)
const sorted = (list = []) => [...new Set(list)].sort(order)

function stripped({ set, byDevice, byServer, ...rest }) {
  return { ...rest, at: time(rest.at) }
}

/** @param {string[]} keys */
const by = (...keys) => (a, b) => keys.reduce((found, key) => found || order(a[key] ?? '', b[key] ?? ''), 0)

/** A rule's finding is known by its rule, another one by its id. */
const byFinding = (a, b) =>
  order(a.rule ?? '', b.rule ?? '') || (a.rule ? 0 : order(a.id ?? '', b.id ?? '')) || order(a.instance ?? '', b.instance ?? '')

function header({ set, ...rest }) {
  return { ...rest, startedAt: time(rest.startedAt) }
}

function found(answers = [], facts = [], findings = [], photos = []) {
  return {
    answers: answers.map(stripped).sort(by('item', 'instance')),
    facts: facts.map(stripped).sort(by('name')),
    findings: findings.map(stripped).sort(byFinding),
    photos: sorted([...photos, ...answers.flatMap((a) => a.photos ?? []), ...findings.flatMap((f) => f.photos ?? [])]),
  }
}

/** The content of a record as it is submitted. */
export function recordContent(record) {
  const { at, opinion, representative } = record.submitted ?? {}
  const image = representative?.signed?.image
  const photos = (record.photos ?? []).map((photo) => photo.sha256)
  return canonical({
    type: 'paicha.inspection.record',
    version: 1,
    inspection: record.id,
    header: header(record.header),
    finishedAt: time(at),
    team: sorted(record.team),
    opinion,
    representative,
    ...found(record.answers, record.facts, record.findings, image ? [...photos, image] : photos),
  })
}

/** The content of an amendment: record is the amended one, args those of inspection.amend. */
export function amendmentContent(record, args, amends) {
  const adopts = args.adopts ?? []
  const taken = (record.proposals ?? []).filter((p) => adopts.includes(p.mutation)).map((p) => p.args)
  const saves = [args, ...taken]
  const named = (list, key) => {
    const keys = new Set(saves.flatMap((save) => save[list] ?? []).map(key))
    return (record[list] ?? []).filter((value) => keys.has(key(value)))
  }
  return canonical({
    type: 'paicha.inspection.amendment',
    version: 1,
    inspection: record.id,
    amends,
    reason: args.reason,
    finishedAt: time(args.at),
    team: sorted(record.team),
    adopts,
    changes: {
      header: saves.some((save) => save.header) ? header(record.header) : undefined,
      team: sorted(saves.flatMap((save) => save.team ?? [])),
      ...found(
        named('answers', (a) => JSON.stringify([a.item, a.instance ?? ''])),
        named('facts', (f) => f.name),
        named('findings', (f) => JSON.stringify([f.rule ?? '', f.rule ? '' : f.id, f.instance ?? ''])),
        saves.flatMap((save) => save.photos ?? []).map((photo) => photo.sha256),
      ),
    },
  })
}

/** SHA-256 of a content in hexadecimal. */
export async function hashOf(content) {
  return Buffer.from(await crypto.subtle.digest('SHA-256', utf8.encode(content))).toString('hex')
}

const message = (hash) => utf8.encode(`paicha-sign-v1\n${hash}`)

/** Signs a content's hash: r‖s in 64 bytes, as the server takes it. */
export async function sign(pkcs8, hash) {
  const key = await crypto.subtle.importKey('pkcs8', Buffer.from(pkcs8, 'base64'), ecdsa, false, ['sign'])
  return Buffer.from(await crypto.subtle.sign(ecdsa, key, message(hash)))
}

/** Verifies r‖s; WebCrypto knows no DER. */
export async function verify(spki, hash, signature) {
  const key = await crypto.subtle.importKey('spki', Buffer.from(spki, 'base64'), ecdsa, false, ['verify'])
  return crypto.subtle.verify(ecdsa, key, signature, message(hash))
}

/** r‖s of a signature in ASN.1 DER, whose numbers have no leading zeros but the one of a sign. */
export function rawOf(der) {
  const raw = Buffer.alloc(64)
  let at = 2
  for (const end of [32, 64]) {
    const length = der[at + 1]
    const number = der.subarray(at + 2, at + 2 + length)
    const digits = number.subarray(Math.max(0, length - 32))
    digits.copy(raw, end - digits.length)
    at += 2 + length
  }
  return raw
}

/** What a vector is about. */
export function contentOf({ record, amend, amends }) {
  return amend ? amendmentContent(record, amend, amends ?? '') : recordContent(record)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const name of process.argv.slice(2)) {
    const vector = JSON.parse(readFileSync(name, 'utf8'))
    const content = contentOf(vector)
    const raw = await sign(vector.privateKey, await hashOf(content))
    console.log(JSON.stringify({ content, raw: raw.toString('base64') }))
  }
}
