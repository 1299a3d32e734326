package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// File is one file of a backup as its manifest names it; Name is relative to the backup.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of the file as it is on the disk
	Lines  int    `json:"lines,omitzero"`
}

// place puts a file where name says, durably: whole or not at all. write fills it.
func place(name string, write func(io.Writer) error) error {
	tmp := name + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return ErrMedium.Because(err)
	}
	werr := write(f)
	if werr == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if werr != nil {
		return errors.Join(werr, os.Remove(tmp))
	}
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return ErrMedium.Because(err)
	}
	return nil
}

func placeBytes(name string, b []byte) error {
	return place(name, func(w io.Writer) error {
		if _, err := w.Write(b); err != nil {
			return ErrMedium.Because(err)
		}
		return nil
	})
}

// makeDir makes a directory and its parents, durably.
func makeDir(name string) error {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return ErrMedium.Because(err)
	}
	if err := errors.Join(syncDir(name), syncDir(filepath.Dir(name))); err != nil {
		return ErrMedium.Because(err)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock takes a folder for this process; the kernel gives it back with the process. ErrBusy if another has it.
func lock(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, ErrMedium.Because(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, ErrBusy.Because(errors.Join(err, f.Close()))
	}
	return f, nil
}

// counting counts and hashes what is written through it.
type counting struct {
	w io.Writer
	n int64
	h interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func newCounting(w io.Writer) *counting { return &counting{w: w, h: sha256.New()} }

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	_, _ = c.h.Write(b[:n]) // a hash never fails
	c.n += int64(n)
	if err != nil {
		return n, ErrMedium.Because(err)
	}
	return n, nil
}

func (c *counting) sum() string { return hex.EncodeToString(c.h.Sum(nil)) }
