// Package media keeps photo evidence: it receives photos in pieces, verifies them, describes them and shows them.
//
// The model. A photo is its bytes and is named by their SHA-256, which a record may name days before the bytes come.
// Receiver takes the bytes over any number of broken lines into Staging; when hash, length and type are verified and
// the bytes are durable, they become a blob by a rename. Evidence says, for one inspection, which photos are wanted
// and which have arrived. Look reads what a photo says of itself, Doubts compares that with the visit, Deriver makes
// pictures small enough for a phone line.
//
// The invariants. Bytes never change once stored (P6). An answer that says bytes are safe is given after they are
// durable (P1). A second arrival of the same photo changes nothing (P2). Whoever asks about an upload of somebody
// else, or about a photo that only others sent, learns nothing.
//
// What this package refuses to do. It refuses no photo for being odd: doubts are marks that a supervisor reads. It
// decides no access: package sync does, by the documents that a person may see, and asks here by hash afterwards. It
// knows no HTTP, no database and no clock of its own. It knows no legal period: Ledger removes what nobody names, and what
// Keeping says has been kept for as long as it has to be.
package media
