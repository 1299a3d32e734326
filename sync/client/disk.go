package client

import (
	"errors"
	"os"
)

// Disk is where a tablet keeps its files; names are paths. What a File's Sync, and SyncDir for names, returned from
// without an error survives power loss. The simulator has a disk in memory that forgets the rest.
type Disk interface {
	MkdirAll(dir string) error
	ReadFile(name string) ([]byte, error) // an error that is fs.ErrNotExist where there is none
	ReadDir(dir string) ([]string, error) // names within dir
	OpenFile(name string, create bool) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
	SyncDir(dir string) error
}

// File is an open file of a Disk. Opened with create it is empty.
type File interface {
	WriteAt(b []byte, at int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// osDisk is the operating system's.
type osDisk struct{}

func (osDisk) MkdirAll(dir string) error            { return os.MkdirAll(dir, 0o700) }
func (osDisk) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }
func (osDisk) Rename(from, to string) error         { return os.Rename(from, to) }
func (osDisk) Remove(name string) error             { return os.Remove(name) }
func (osDisk) RemoveAll(name string) error          { return os.RemoveAll(name) }

func (osDisk) ReadDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osDisk) OpenFile(name string, create bool) (File, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE | os.O_TRUNC
	}
	return os.OpenFile(name, flags, 0o600)
}

func (osDisk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
