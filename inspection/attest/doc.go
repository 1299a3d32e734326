// Package attest is what is signed about an inspection, and how anybody checks it later without a server.
//
// # Model
//
// A content is a JSON object in the canonical form of RFC 8785, kept byte for byte. It says of which inspection it is
// and what was found (TypeRecord), or what an amendment changes and which content it amends (TypeAmendment). Package
// inspection writes contents; docs/signing.md has every member, so that a tablet makes the same bytes.
//
// A device key (ECDSA P-256) signs Message of the content's SHA-256. All who answer for a content sign the same hash. A
// File has everything that checking needs: contents, signatures, public keys, photos' hashes. Verify checks it with
// nothing else at hand.
//
// # What it refuses to do
//
// It trusts no name: that a key belongs to a person is what the server's register says, and is shown as that. It decides
// nothing by the bytes of a signature (an ECDSA signature has a twin that verifies too: r, n-s), and nothing by a clock.
package attest
