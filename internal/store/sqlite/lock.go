//go:build unix

package sqlite

import (
	"errors"
	"os"
	"syscall"

	"paicha/internal/store"
)

// lockFile takes the exclusive lock of path for as long as the returned file is open. The kernel drops it with the
// process, also after kill -9, so no lock is ever stale. flock belongs to the open file, not to the process: a second
// Open in the same process is refused too. Errors: store.ErrInUse.
//
// The file stays when the lock is given up: removing it would let two processes lock two files of one name.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, store.ErrUnavailable.Because(err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, store.ErrInUse.Because(err)
	}
	return nil, store.ErrUnavailable.Because(err)
}

// syncDir makes the names in a directory durable. SQLite itself does so only for the files that it logs into.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
