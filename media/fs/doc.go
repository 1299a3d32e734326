// Package fs keeps photo evidence in a directory of the file system.
//
//	blobs/ab/<hash>             photos; ab are the first two digits of the hash
//	staging/<id>.part, .log     unfinished uploads and their journals
//	derived/ab/<hash>-<size>.jpg
//	tmp/                        half-written files; emptied at the start
//
// All directories are on one file system, so that a complete upload becomes a photo by a rename, without copying. The
// order is always: bytes, fsync, rename, fsync of the directory, answer. A photo's file name is its SHA-256, so the
// whole store can be verified with sha256sum and nothing else.
//
// The package refuses to be shared: one process has a directory open. It trusts no length of a file after a crash,
// only journals, whose lines carry sums.
package fs
