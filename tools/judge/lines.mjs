// Judges JSON lines from standard input. {"pack": …} adds a published pack; {"of": 0, "day": …, "facts": …, "answers": …}
// is judged with the pack added first, and its verdict is written as one line.

import { createInterface } from 'node:readline'

import { compile, judge } from './judge.mjs'

const enough = 1 << 16 // characters before a write
const packs = []
let out = ''

for await (const line of createInterface({ input: process.stdin })) {
  const { pack, of, ...inspection } = JSON.parse(line)
  if (pack) {
    packs.push(compile(pack))
    continue
  }
  out += JSON.stringify(judge(packs[of], inspection)) + '\n'
  if (out.length > enough) {
    process.stdout.write(out)
    out = ''
  }
}
process.stdout.write(out)
