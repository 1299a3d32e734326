package simtest

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"paicha/sync/client"
)

// disk is a tablet's storage: a power cut leaves of each file what was synced of it, and of names those of the last
// SyncDir. before is asked at every change; it may cut the power by a panic.
type disk struct {
	before  func()
	names   map[string]*inode // as the running tablet sees them
	durable map[string]*inode // as they are after a power cut
}

// inode is a file: its bytes, and those of its last Sync.
type inode struct {
	data, synced []byte
}

var _ client.Disk = (*disk)(nil)

func newDisk() *disk { return &disk{names: map[string]*inode{}, durable: map[string]*inode{}} }

// cut is a power cut.
func (d *disk) cut() {
	d.names = maps.Clone(d.durable)
	for name, n := range d.names {
		c := &inode{data: slices.Clone(n.synced), synced: slices.Clone(n.synced)}
		d.names[name], d.durable[name] = c, c
	}
}

// clone is what somebody gets who copies the tablet's storage.
func (d *disk) clone() *disk {
	c := newDisk()
	for name, n := range d.durable {
		i := &inode{data: slices.Clone(n.synced), synced: slices.Clone(n.synced)}
		c.names[name], c.durable[name] = i, i
	}
	return c
}

func (d *disk) change() {
	if d.before != nil {
		d.before()
	}
}

func (d *disk) MkdirAll(string) error { return nil }

func (d *disk) ReadFile(name string) ([]byte, error) {
	n := d.names[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(n.data), nil
}

func (d *disk) ReadDir(dir string) ([]string, error) {
	var out []string
	for name := range d.names {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			out = append(out, rest)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (d *disk) OpenFile(name string, create bool) (client.File, error) {
	n := d.names[name]
	switch {
	case create:
		d.change()
		n = &inode{}
		d.names[name] = n
	case n == nil:
		return nil, fs.ErrNotExist
	}
	return &file{d: d, n: n}, nil
}

func (d *disk) Rename(from, to string) error {
	d.change()
	n := d.names[from]
	if n == nil {
		return fs.ErrNotExist
	}
	delete(d.names, from)
	d.names[to] = n
	return nil
}

func (d *disk) Remove(name string) error {
	if d.names[name] == nil {
		return fs.ErrNotExist
	}
	d.change()
	delete(d.names, name)
	return nil
}

func (d *disk) RemoveAll(name string) error {
	for n := range d.names {
		if n == name || strings.HasPrefix(n, name+"/") {
			delete(d.names, n)
		}
	}
	return nil
}

func (d *disk) SyncDir(dir string) error {
	d.change()
	for name := range d.durable {
		if path.Dir(name) == dir && d.names[name] == nil {
			delete(d.durable, name)
		}
	}
	for name, n := range d.names {
		if path.Dir(name) == dir {
			d.durable[name] = n
		}
	}
	return nil
}

type file struct {
	d *disk
	n *inode
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	f.d.change()
	if need := int(at) + len(b); need > len(f.n.data) {
		f.n.data = append(f.n.data, make([]byte, need-len(f.n.data))...)
	}
	return copy(f.n.data[at:], b), nil
}

func (f *file) Truncate(size int64) error {
	f.d.change()
	f.n.data = slices.Clone(f.n.data[:size])
	return nil
}

func (f *file) Sync() error {
	f.d.change()
	f.n.synced = slices.Clone(f.n.data)
	return nil
}

func (f *file) Close() error { return nil }
