// Package directory knows the people and places of an inspection: regions, sectors, departments, enterprises, users
// with their grants, and the devices they carry.
//
// The model. Regions form a tree (Yunnan 53, Honghe 5325 and its thirteen divisions); sectors are the fifteen of the
// action plan's part three with their printed duties; both are embedded and the same for everybody. Enterprises, users
// and devices are documents in the store.
//
// Scope. A document is visible through tokens, and a user holds grants of tokens (scope.go). The vocabulary is:
//
//	5325                 a region: every document of it and of the regions below
//	5325/coal-mine       the same, of one sector only
//	sup:5325/coal-mine   the supervisors' twin of a region token, with or without a sector
//	ent:<id>             an enterprise's own documents
//	user:<id>            what is addressed to one person, and the work of the team that the person belongs to
//	task:<id>            what belongs to one planned inspection
//	pack:<sector>        the checklists of one sector; pack:all is the one of enterprise duties, for everybody
//
// Which documents carry which tokens:
//
//   - An inspection before it is submitted: user:<each of the team>, task:<its task> and the sup: tokens of its region
//     and sectors (DraftTokens). Neither the enterprise nor an inspector who is not on it can know of it (四不两直).
//   - After submission, and its hazards from the start: those, and the region tokens and the enterprise's
//     (SubmittedTokens).
//   - An enterprise: region tokens and its own ent: token. A user: user:<id>. A device: the user: token of its owner.
//   - A pack: pack:<sector> of each of its sectors.
//
// Invariants. A document carries every ancestor region of its place, so that a grant is compared with tokens by
// equality alone. A revoked or expired grant gives nothing. Restricted bodies are for the supervisor audience only, and
// no user:, ent:, task: or pack: token ever conveys that audience.
//
// What the package refuses to do: it never reads the clock, draws no ids, keeps no passwords (package auth does) and
// writes nothing to a store: it turns values into documents and back.
package directory
