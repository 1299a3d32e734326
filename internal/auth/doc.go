// Package auth says who is asking and what they may do.
//
// Sessions. A person logs in with a password from a device that holds a key pair, and gets a short access token (a
// signed JWT, RFC 7519, checked without the store) and a refresh token (random, kept hashed in a session document). A
// refresh token is used once: it is replaced by its successor, and a spent one that turns up again revokes the session,
// since two people now hold it. The answer that carried the successor may be lost in a shaft, so the predecessor works
// on, with proof of the device key, until a successor is first used.
//
// Devices. Enrolment is a login with a public key and a signature by it. A person whose rights have ended, or whose
// tokens have, may still push what the tablet holds, and only push, by signing requests with the device key.
//
// Policy. One table (policy.go) decides every command, pull and route: role × action → scope, and the scope is held
// against the document's tokens and the person's grants at an instant. What has no row is refused.
//
// Invariants. Rights are read afresh: a token says who somebody is, never what they may do. An unknown login costs the
// same as a wrong password. At most Hashing passwords are hashed at once, since each takes 64 MiB. Nothing that is secret
// is in an error, and neither passwords nor refresh tokens are stored.
//
// What the package refuses to do: it knows no HTTP, reads no clock and draws no randomness but through its fields
// (argon2id's salt excepted, which the library draws itself).
package auth
