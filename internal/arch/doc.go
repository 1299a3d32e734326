// Package arch holds the shape of the repository as tests: which package may import which, what stands at the top
// level, where each driver may be named, and the catalogue of faults in docs/errors.md.
//
// The tests parse the sources themselves instead of asking "go list", so that the test cache notices every changed
// file and a broken rule cannot stay green. When a rule hurts, change the table together with an ADR that says why.
package arch
