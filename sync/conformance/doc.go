// Package conformance tries a server of the sync protocol from outside, as a tablet that shares no code with it: it
// speaks plain HTTP and JSON, and knows of the server only what docs/protocol.md says. Every requirement on servers of
// that document (S1, S2, …) has an entry in the list of checks; a test compares the two.
//
// Run reports each requirement as passed, failed with what was seen, or not seen where nobody can show it from outside.
// It leaves a few inspections behind, so it belongs on a server with demonstration data.
package conformance
