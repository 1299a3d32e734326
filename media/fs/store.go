package fs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"paicha/media"
)

// The directories of a data directory.
const (
	blobDir    = "blobs"
	tempDir    = "tmp"
	stagingDir = "staging"
	derivedDir = "derived"
)

// Store is one data directory with all that the file system keeps: photos, unfinished uploads, previews.
// One process at a time may have it open; the caller sees to that.
type Store struct {
	disk disk
	root io.Closer

	names   sync.Mutex // guards nextTmp
	nextTmp uint64
	shards  [256]sync.Mutex // one a shard: creating a blob is look, rename, sync

	blobs   Blobs
	staging Staging
	derived Derived
}

// Open opens or makes the data directory, removes what a crash left half-written and reads where each upload stands.
// It returns media.ErrStorage if the directory cannot be used.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, media.ErrStorage.Because(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, media.ErrStorage.Because(err)
	}
	s, err := open(osDisk{root})
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	s.root = root
	return s, nil
}

func open(d disk) (*Store, error) {
	s := &Store{disk: d}
	s.blobs.store, s.staging.store, s.derived.store = s, s, s
	if err := s.layout(); err != nil {
		return nil, media.ErrStorage.Because(err)
	}
	if err := s.staging.load(); err != nil {
		return nil, media.ErrStorage.Because(err)
	}
	return s, nil
}

// layout makes all directories at once, so that storing a photo later costs one directory sync and no more.
func (s *Store) layout() error {
	for _, dir := range []string{tempDir, stagingDir, blobDir, derivedDir} {
		if err := s.disk.Mkdir(dir); err != nil {
			return err
		}
	}
	for _, dir := range []string{blobDir, derivedDir} {
		have, err := s.disk.List(dir)
		if err != nil {
			return err
		}
		if len(have) == 256 {
			continue
		}
		for i := range 256 {
			if err := s.disk.Mkdir(fmt.Sprintf("%s/%02x", dir, i)); err != nil {
				return err
			}
		}
		if err := s.disk.SyncDir(dir); err != nil {
			return err
		}
	}
	stale, err := s.disk.List(tempDir)
	if err != nil {
		return err
	}
	for _, name := range stale {
		if err := s.disk.Remove(tempDir + "/" + name); err != nil {
			return err
		}
	}
	return s.disk.SyncDir(".")
}

// Blobs returns the photos.
func (s *Store) Blobs() *Blobs { return &s.blobs }

// Staging returns the unfinished uploads.
func (s *Store) Staging() *Staging { return &s.staging }

// Derived returns the previews.
func (s *Store) Derived() *Derived { return &s.derived }

// Close lets go of the directory. Nothing is pending: what was acknowledged is on disk.
func (s *Store) Close() error {
	if s.root == nil {
		return nil
	}
	return s.root.Close()
}

func (s *Store) tempName() string {
	s.names.Lock()
	defer s.names.Unlock()
	s.nextTmp++
	return fmt.Sprintf("%s/%d", tempDir, s.nextTmp)
}

func shardOf(h media.SHA256) string { return fmt.Sprintf("%s/%02x", blobDir, h[0]) }

func blobName(h media.SHA256) string { return shardOf(h) + "/" + h.String() }

// adopt makes the synced file at from the blob h, or removes it if the blob exists already. When it returns nil, the
// blob is durable; otherwise the file is at from again.
func (s *Store) adopt(from string, h media.SHA256, size int64) error {
	m := &s.shards[h[0]]
	m.Lock()
	defer m.Unlock()
	switch have, err := s.disk.Size(blobName(h)); {
	case err == nil && have != size:
		return media.ErrDamaged.Because(fmt.Errorf("%s has %d bytes, want %d", h, have, size))
	case err == nil:
		// Whoever stored it may have been killed before the sync; and once more costs little.
		if err := s.disk.SyncDir(shardOf(h)); err != nil {
			return media.ErrStorage.Because(err)
		}
		if err := s.disk.Remove(from); err != nil {
			return media.ErrStorage.Because(err)
		}
		return nil
	case !missing(err):
		return media.ErrStorage.Because(err)
	}
	if err := s.disk.Rename(from, blobName(h)); err != nil {
		return media.ErrStorage.Because(err)
	}
	if err := s.disk.SyncDir(shardOf(h)); err != nil {
		return media.ErrStorage.Because(errors.Join(err, s.disk.Rename(blobName(h), from)))
	}
	return nil
}
