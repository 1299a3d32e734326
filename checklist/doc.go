// Package checklist holds what an inspector asks and how the answers are judged: standards, packs and rules.
//
// A Standard is an official judgement standard (判定标准) as a table of facts; a Clause is one criterion of it, with its
// measurable limits and the mark whether it was verified against a published text. A Pack is the checklist of a sector:
// sections of items in the order in which a person walks the site, and rules. Standards and packs are YAML files,
// embedded here and replaceable; docs/packs.md describes the form. LoadPack expands the short forms (a threshold, a
// conform item with a class) into plain CEL rules, compiles them, lints the pack against its standards and freezes it as
// canonical JSON (RFC 8785), which a tablet pulls and which Hash names. Cover compares the packs with the standards and
// with the Plan, which is the action plan phrase by phrase, and tells what nobody asks.
//
// Invariants:
//
//   - A pack is complete in itself. It carries the text of the clauses it cites, so a version can be judged and shown for
//     ever, whatever becomes of the standards.
//   - A version is published once. Library.Add refuses other content under the same id@version.
//   - Judge is pure, deterministic, independent of the order of answers, and cannot fail.
//   - Unknown never judges safe. What a rule needs and nobody answered becomes an OpenQuestion; what cannot be read
//     (a unit that does not convert, two different answers, a rule that errs) becomes a HumanCheck. The logic is CEL's
//     own: an absent answer is an error, which && and || absorb exactly where it cannot matter.
//   - A finding says what it rests on: its clauses with their verified mark, and a caveat where the limit was borrowed
//     from another norm or was not checked.
//
// The expression language is the part of CEL on which cel-go and @marcbachmann/cel-js agree: ans["item"].field,
// facts["code"], comparison, logic, arithmetic on doubles, in [list], contains, startsWith, endsWith. No macros, no has()
// (it would turn "not answered" into false), no integers (JSON numbers are doubles), no division by an answer (0/0 would
// judge safe), no regular expressions. tools/judge is the same judge for the tablet; the tests of this package hold the
// two to the same bytes.
//
// The package refuses to guess: it does not repair packs, convert units outside a small table, lower a class, or decide
// whether a suspected hazard is one. It knows no store, clock or network.
package checklist
