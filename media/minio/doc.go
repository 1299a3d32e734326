// Package minio keeps photo evidence in a store that speaks the S3 protocol, so that any number of servers share it.
//
//	blobs/ab/<hash>             photos, in the bucket of originals; ab are the first two digits of the hash
//	open/<id>/head              what was declared of an unfinished upload
//	open/<id>/<offset>          the bytes of one Append, under the offset where they begin
//	done/<id>                   what a finished upload became
//	derived/ab/<hash>-<size>.jpg
//	probe, probe-retained       what Open tries the store with
//
// All but the photos are in the working bucket, which may be the same one unless originals are kept under a lock.
//
// The model. An object appears whole or not at all, so nothing is ever half-written. Every object but a picture is
// created by If-None-Match: * and never changed: of two writers of one name one wins and the other is told. Where an
// upload stands is therefore not written anywhere: it is the sum of the pieces that lie one after the other from 0. A
// piece is durable exactly when it counts, whichever server dies when, and two that append at one offset want one name.
//
// What arrives goes first to a file of this process, already removed from its folder (see spool), at the pace of the
// tablet's line; then to the store in one request that carries the length and the SHA-256 that the store has to find.
// The last piece of an upload is not staged at all: Commit sends the whole photo from here. So a photo that comes in
// one piece is sent to the store once.
//
// What is durable when a call returns is durable by the word of the store: nothing here can sync its disks.
//
// The package refuses a store that ignores conditions, takes bytes that do not have the sum they were announced with,
// or does not list what was just written: Open tries it and says what is missing.
package minio
