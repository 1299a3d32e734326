// Runs docs/vectors/signing in WebCrypto: the same contents as the server's, and each side verifies the other's signatures.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

import { canonical, contentOf, hashOf, rawOf, sign, verify } from './signing.mjs'

const folder = new URL('../../docs/vectors/signing/', import.meta.url)
const names = readdirSync(folder).filter((name) => name.endsWith('.json'))

test('there are vectors', () => assert.ok(names.length >= 3))

for (const name of names) {
  const vector = JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
  test(vector.name, async () => {
    assert.equal(contentOf(vector), vector.content)
    assert.equal(canonical(JSON.parse(vector.content)), vector.content)
    const hash = await hashOf(vector.content)
    assert.equal(hash, vector.hash)
    const der = Buffer.from(vector.der, 'base64')
    const raw = Buffer.from(vector.raw, 'base64')
    assert.ok(await verify(vector.publicKey, hash, rawOf(der)), 'the DER signature of Go')
    assert.ok(await verify(vector.publicKey, hash, raw), 'the raw signature of WebCrypto')
    assert.ok(await verify(vector.publicKey, hash, await sign(vector.privateKey, hash)), 'a new signature')
    assert.ok(!(await verify(vector.publicKey, await hashOf(`${vector.content} `), raw)), 'of another content')
  })
}
