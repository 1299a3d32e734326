// Package bundle writes and checks evidence bundles: one ZIP (ZIP64 where it has to be) with the records of an inspection
// or hazard as the server stores them, every photo, the signatures, and a manifest that names each file with its length
// and SHA-256.
//
// A bundle is written as a stream, in memory that does not grow with the photos, and checked offline, from a stranger's
// hands, in bounded memory too. What it proves is said in docs/adr/0054: the signatures prove what devices signed; the
// manifest proves only that the bundle is whole and agrees with itself.
package bundle
