// Package client is the reference tablet: what an app on a device does to sync with Paicha, in plain Go.
//
// # Model
//
// A Tablet is one directory of one person. It has an Outbox (what was made here and has to go up), a Replica (the
// documents that the person may see, as they came down) and a device key. Everything works without a network; Sync is
// called whenever one may be there, and does hello, push, photos, pull.
//
// # The order of durable steps
//
//   - Save and Do: the mutation's bytes are on the disk, synced, before the app is told that it is saved. They are never
//     encoded again, so that a retry repeats each byte.
//   - AddPhoto: the photo's file, then the record that names it.
//   - Push: sent, then the verdicts on the disk. If that is lost the mutation is sent again, and the server answers
//     "duplicate".
//   - What is settled is kept until a backup of the server covers it (keptUntil); after a change of epoch it is sent again.
//   - Pull: page and cursor are one record. A cursor is never on the disk before its data.
//   - Uploads: the location before the first byte; the server tells the offset.
//   - Tokens: a refreshed session is on the disk before it is used.
//
// Both journals are append-only, a checksum each record. An unfinished last record is cut off at opening; damage with
// whole records behind it is ErrDamaged, and the file is left for people who can recover it. Compaction writes a new file
// and renames it.
//
// # What it refuses to do
//
// It reads no clock and draws no ids but through its fields (the key and signatures use crypto/rand), sleeps only in Wait,
// judges no domain content, and never drops a mutation that the server has not settled or that a person has not seen.
// Two processes must not open one directory.
package client
