// Package backup copies a deployment: into a folder, back out of it, and straight into another one.
//
// # Layout
//
// A backup folder holds any number of backups, named by the time they began, and the photos of all of them once:
//
//	blobs/ab/abcdef…                     photos by SHA-256, as the server has them; never changed, so never copied again
//	20230605T080000Z/manifest.json       what is in the backup; written last, and it has a sum over itself
//	20230605T080000Z/documents/00001.jsonl.zst …
//	20230605T080000Z/photos.jsonl.zst    names and sizes of its photos
//	20230605T080000Z/keys/token.key      only if asked for
//	20230606T080000Z.partial/            one that is not complete
//
// A line of a segment is one version of a document, complete; of several versions the one with the highest rev counts.
// What the documents of a backup hold together is argued in package store (Copies).
//
// # Crashes
//
// Every file gets its name by a rename after it was synced, and its folder is synced before anything is written that
// counts on it: segment, progress, …, photos, manifest, the folder's final name. A backup that was interrupted is taken
// up at its last whole segment if it is less than a day old and of the same epoch, or begun anew. Until a new backup is
// complete the older ones are untouched.
//
// A restore or a move says in its target what it is and how far it came; until it has ended, no server opens that target
// (store.Arrival). Everything it does again is harmless, because documents are loaded as they are and photos are named
// by their content.
//
// # What it refuses
//
// It restores into an empty target only. It overwrites nothing. It trusts no byte that it did not hash: a damaged file is
// named, and nothing of the backup is used. It knows no kind of document; which photos one names is told from outside.
package backup
