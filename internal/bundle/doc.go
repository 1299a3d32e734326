// Package bundle writes and checks evidence bundles: one ZIP (ZIP64 where it has to be) with the records of an inspection
// or hazard as the server stores them, every photo, the signatures, and a manifest that names each file with its length
// and SHA-256.
//
// A bundle is written as a stream, in memory that does not grow with the photos, and checked offline, from a stranger's
// hands, in bounded memory too. What it proves is said in docs/adr/0054 and 0057: the devices' signatures prove what they
// signed; the manifest proves that the bundle is whole and agrees with itself; its signature, that this server exported it;
// and log.json, that the histories of its records are those of the server's log. The last two prove no more than the reader
// knows of the key.
package bundle
