package fs

import (
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"slices"
)

// disk is what the adapter asks of a file system. It is an interface so that a test can put one in its place that
// forgets what was not synced. Names are slash-separated and relative to the data directory.
//
// A rename is taken to be atomic, as it is on every journaling file system: after a crash the entry is at one of the
// two places, never at both. Which one is settled only by SyncDir of the target.
type disk interface {
	Create(name string) (file, error)              // for reading and writing; fails if it exists
	Open(name string, writable bool) (file, error) // fails with fs.ErrNotExist
	Size(name string) (int64, error)               // fails with fs.ErrNotExist
	Rename(from, to string) error                  // replaces to
	Remove(name string) error                      // fails with fs.ErrNotExist
	List(dir string) ([]string, error)             // names of entries, sorted
	Mkdir(dir string) error                        // with its parents; again is harmless
	SyncDir(dir string) error                      // makes creations, renames and removals in dir durable
}

type file interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error // makes content and length durable, not the name
}

// osDisk is the operating system's. os.Root keeps every name inside the directory, links included.
type osDisk struct{ root *os.Root }

func (d osDisk) Create(name string) (file, error) {
	return nilFile(d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640))
}

func (d osDisk) Open(name string, writable bool) (file, error) {
	flag := os.O_RDONLY
	if writable {
		flag = os.O_RDWR
	}
	return nilFile(d.root.OpenFile(name, flag, 0))
}

// nilFile keeps a nil *os.File from becoming a non-nil file.
func nilFile(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d osDisk) Size(name string) (int64, error) {
	info, err := d.root.Stat(name)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errors.New(name + " is not a regular file")
	}
	return info.Size(), nil
}

func (d osDisk) Rename(from, to string) error { return d.root.Rename(from, to) }

func (d osDisk) Remove(name string) error { return d.root.Remove(name) }

func (d osDisk) List(dir string) ([]string, error) {
	f, err := d.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing to lose
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

func (d osDisk) Mkdir(dir string) error { return d.root.MkdirAll(dir, 0o750) }

func (d osDisk) SyncDir(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func missing(err error) bool { return errors.Is(err, iofs.ErrNotExist) }
