package fs

import (
	"bytes"
	"errors"
	"io"
	iofs "io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
)

// forgetful is a disk in memory that knows what was synced. Crash gives the disk as a power cut may leave it: names
// as of the last SyncDir of their directory, or by chance later; contents as of the last Sync, or with garbage after.
type forgetful struct {
	mu    sync.Mutex
	now   map[string]*inode // what a running process sees
	safe  map[string]*inode // what a crash leaves for sure
	syncs int
	fail  func(op, name string) error // may be nil
}

type inode struct{ now, safe []byte }

func newForgetful() *forgetful {
	return &forgetful{now: map[string]*inode{}, safe: map[string]*inode{}}
}

// crash returns the disk after a power cut, decided by rnd.
func (d *forgetful) crash(rnd *rand.Rand) *forgetful {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newForgetful()
	names := map[*inode]string{}
	// A rename is atomic: an inode is under its safe name or under its present one.
	for name, n := range d.safe {
		names[n] = name
	}
	for _, name := range slices.Sorted(maps.Keys(d.now)) {
		if n := d.now[name]; rnd.IntN(2) == 0 {
			names[n] = name
		}
	}
	for n, name := range names {
		if d.now[name] != n && rnd.IntN(2) == 0 && d.safe[name] != n {
			continue
		}
		content := slices.Clone(n.safe)
		switch rnd.IntN(3) {
		case 0: // all of it happened to be written
			content = slices.Clone(n.now)
		case 1: // the length was written, the bytes after the synced ones were not
			if len(n.now) > len(n.safe) {
				content = append(content, make([]byte, len(n.now)-len(n.safe))...)
			}
		}
		i := &inode{now: content, safe: slices.Clone(content)}
		after.now[name], after.safe[name] = i, i
	}
	return after
}

func (d *forgetful) check(op, name string) error {
	if d.fail != nil {
		return d.fail(op, name)
	}
	return nil
}

func (d *forgetful) Create(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now[name] != nil {
		return nil, iofs.ErrExist
	}
	d.now[name] = &inode{}
	return &handle{d: d, n: d.now[name], name: name}, d.check("create", name)
}

func (d *forgetful) Open(name string, _ bool) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now[name] == nil {
		return nil, iofs.ErrNotExist
	}
	return &handle{d: d, n: d.now[name], name: name}, nil
}

func (d *forgetful) Size(name string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now[name] == nil {
		return 0, iofs.ErrNotExist
	}
	return int64(len(d.now[name].now)), nil
}

func (d *forgetful) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now[from] == nil {
		return iofs.ErrNotExist
	}
	if err := d.check("rename", to); err != nil {
		return err
	}
	d.now[to] = d.now[from]
	delete(d.now, from)
	return nil
}

func (d *forgetful) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now[name] == nil {
		return iofs.ErrNotExist
	}
	delete(d.now, name)
	return nil
}

func (d *forgetful) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name := range d.now {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (d *forgetful) Mkdir(string) error { return nil } // directories are part of names

func (d *forgetful) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check("syncdir", dir); err != nil {
		return err
	}
	d.syncs++
	for name := range d.safe {
		if path.Dir(name) == dir && d.now[name] == nil {
			delete(d.safe, name)
		}
	}
	for name, n := range d.now {
		if path.Dir(name) != dir {
			continue
		}
		for old, o := range d.safe { // it came from there by a rename
			if o == n && old != name {
				delete(d.safe, old)
			}
		}
		d.safe[name] = n
	}
	return nil
}

type handle struct {
	d    *forgetful
	n    *inode
	name string
	at   int64
}

func (h *handle) Read(p []byte) (int, error) {
	n, err := h.ReadAt(p, h.at)
	h.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return bytes.NewReader(h.n.now).ReadAt(p, off)
}

func (h *handle) Seek(offset int64, whence int) (int64, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += h.at
	case io.SeekEnd:
		offset += int64(len(h.n.now))
	}
	if offset < 0 {
		return 0, errors.New("negative position")
	}
	h.at = offset
	return offset, nil
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.check("write", h.name); err != nil {
		return 0, err
	}
	if grow := int(off) + len(p) - len(h.n.now); grow > 0 {
		h.n.now = append(h.n.now, make([]byte, grow)...)
	}
	copy(h.n.now[off:], p)
	return len(p), nil
}

func (h *handle) Truncate(size int64) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	h.n.now = slices.Clone(h.n.now[:min(size, int64(len(h.n.now)))])
	return nil
}

func (h *handle) Sync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.check("sync", h.name); err != nil {
		return err
	}
	h.d.syncs++
	h.n.safe = slices.Clone(h.n.now)
	return nil
}

func (h *handle) Close() error { return nil }

func isPart(name string) bool { return strings.HasSuffix(name, ".part") }
