package sqlite_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/internal/store/storetest"
)

// forgetful is a file layer over the operating system's that knows what was synced. When the power goes, each unsynced
// write is kept, lost or torn by sectors of 512 bytes, as chance has it, and a file that was never synced is gone.
type forgetful struct {
	vfs.VFSFilename
	mu     sync.Mutex
	rng    *rand.Rand
	budget int // operations until the power goes; negative: never
	dead   bool
	syncs  int
	files  map[string]*diskFile
}

type diskFile struct {
	synced  []byte
	exists  bool
	pending []diskOp
}

// diskOp is a write at an offset or, with nil data, a truncation to it.
type diskOp struct {
	off  int64
	data []byte
}

func newForgetful(seed uint64, budget int) *forgetful {
	disk, ok := vfs.Find("os").(vfs.VFSFilename)
	if !ok {
		panic("the system's file layer opens no file names")
	}
	return &forgetful{
		VFSFilename: disk,
		rng:         rand.New(rand.NewPCG(seed, 1)),
		budget:      budget,
		files:       map[string]*diskFile{},
	}
}

func (f *forgetful) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := f.VFSFilename.OpenFilename(name, flags)
	if err != nil || name == nil {
		return file, flags, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.files[name.String()]
	if d == nil {
		d = &diskFile{}
		f.files[name.String()] = d
	}
	return &forgetfulFile{File: file, disk: f, state: d}, flags, nil
}

func (f *forgetful) Delete(name string, syncDir bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return sqlite3.IOERR
	}
	delete(f.files, name)
	return f.VFSFilename.Delete(name, syncDir)
}

// step counts one operation and fails it when the power is gone.
func (f *forgetful) step() error {
	if f.budget == 0 {
		f.dead = true
	}
	if f.dead {
		return sqlite3.IOERR
	}
	f.budget--
	return nil
}

func (f *forgetful) isDead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// cut takes the power away and writes what the disk holds into dir.
func (f *forgetful) cut(t *testing.T, dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	for name, d := range f.files {
		if !d.exists {
			continue
		}
		image := slices.Clone(d.synced)
		mode := f.rng.IntN(3)
		for _, op := range d.pending {
			if op.data == nil {
				if f.rng.IntN(2) == 0 {
					image = op.apply(image)
				}
				continue
			}
			for at := 0; at < len(op.data); at += 512 {
				if mode == 0 || mode == 1 && f.rng.IntN(2) == 0 {
					continue
				}
				image = diskOp{op.off + int64(at), op.data[at:min(at+512, len(op.data))]}.apply(image)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), image, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (op diskOp) apply(b []byte) []byte {
	if op.data == nil {
		if int64(len(b)) > op.off {
			return b[:op.off]
		}
		return append(b, make([]byte, op.off-int64(len(b)))...)
	}
	if end := op.off + int64(len(op.data)); int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[op.off:], op.data)
	return b
}

type forgetfulFile struct {
	vfs.File
	disk  *forgetful
	state *diskFile
}

func (f *forgetfulFile) SharedMemory() vfs.SharedMemory {
	shared, ok := f.File.(vfs.FileSharedMemory)
	if !ok {
		return nil
	}
	return shared.SharedMemory()
}

func (f *forgetfulFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step(); err != nil {
		return 0, err
	}
	f.state.pending = append(f.state.pending, diskOp{off, bytes.Clone(p)})
	return f.File.WriteAt(p, off)
}

func (f *forgetfulFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step(); err != nil {
		return err
	}
	f.state.pending = append(f.state.pending, diskOp{off: size})
	return f.File.Truncate(size)
}

func (f *forgetfulFile) Sync(vfs.SyncFlag) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step(); err != nil {
		return err
	}
	f.disk.syncs++
	for _, op := range f.state.pending {
		f.state.synced = op.apply(f.state.synced)
	}
	f.state.pending, f.state.exists = nil, true
	return nil
}

// versionBody is what version rev of a document holds, so that any mixture of versions shows.
func versionBody(id string, rev store.Rev) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%s@%d;", id, rev)), 400)
}

// TestAcknowledgedSurvivesPowerLoss is promise P1: the power goes at a random operation of the file layer while four
// callers write; everything acknowledged before is there afterwards, whole, and found by its position and tokens.
func TestAcknowledgedSurvivesPowerLoss(t *testing.T) {
	acknowledged := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		disk := newForgetful(seed, rng.IntN(3000))
		acknowledged += powerLoss(t, seed, disk)
	}
	if acknowledged < 1000 {
		t.Fatalf("only %d writes were acknowledged in all: the test proves little", acknowledged)
	}
}

func powerLoss(t *testing.T, seed uint64, disk *forgetful) int {
	name := fmt.Sprintf("forgetful-%d", seed)
	vfs.Register(name, disk)
	defer vfs.Unregister(name)
	dir := t.TempDir()
	acked := map[string]store.Doc{}
	fatal := false
	e, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(dir, "paicha.db"), Indexes: storetest.Indexes, VFS: name,
		CheckpointPages: 50, Fatal: func(error) { fatal = true },
	})
	if err == nil {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				w := store.WriterID(fmt.Sprintf("w%d", g))
				revs := map[string]store.Rev{}
				for n := 1; n <= 120; n++ {
					id := fmt.Sprintf("%d-%d", g, n%9)
					d := store.Doc{
						Ref: store.Ref{Kind: "hazard", ID: id}, Rev: revs[id] + 1,
						Position: store.Position{Writer: w, Seq: store.Seq(n)},
						Tokens:   []store.Token{"all", store.Token(fmt.Sprintf("t%d", n%3))},
						Fields:   store.Fields{"due": store.Num(int64(n))},
						Body:     versionBody(id, revs[id]+1),
					}
					st, err := e.Put(t.Context(), []store.Put{{Base: revs[id], Doc: d}})
					if err != nil || disk.isDead() {
						return
					}
					if st[0] != store.OK {
						t.Errorf("seed %d: %v", seed, st[0])
						return
					}
					revs[id]++
					mu.Lock()
					acked[id] = d
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	after := t.TempDir()
	disk.cut(t, after)
	if err == nil {
		_ = e.Close() // its disk is dead: what it says of that is of no interest
		if _, err := e.Put(t.Context(), nil); err == nil {
			t.Errorf("seed %d: a stopped engine accepts calls (fatal %v)", seed, fatal)
		}
	}
	e = open(t, filepath.Join(after, "paicha.db"))
	defer shut(t, e)
	verify(t, seed, e, acked)
	return len(acked)
}

func verify(t *testing.T, seed uint64, e *sqlite.Engine, acked map[string]store.Doc) {
	for id, want := range acked {
		ds, err := e.Get(t.Context(), []store.Ref{want.Ref})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got := ds[0]
		if got.Rev < want.Rev {
			t.Errorf("seed %d: %s acknowledged at rev %d, found %d", seed, id, want.Rev, got.Rev)
		}
		if last, err := e.LastSeq(t.Context(), want.Position.Writer); err != nil || last < want.Position.Seq {
			t.Errorf("seed %d: last seq %d, %v, want at least %d", seed, last, err, want.Position.Seq)
		}
	}
	ds, _, err := e.Scan(t.Context(), store.Scan{Tokens: []store.Token{"all"}})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if len(ds) < len(acked) {
		t.Errorf("seed %d: %d documents by token, %d acknowledged", seed, len(ds), len(acked))
	}
	for _, d := range ds {
		if !bytes.Equal(d.Body, versionBody(d.ID, d.Rev)) {
			t.Errorf("seed %d: %s rev %d is torn", seed, d.ID, d.Rev)
		}
		for _, token := range d.Tokens {
			at, _, err := e.Range(t.Context(), store.Range{
				Writer: d.Position.Writer, After: d.Position.Seq - 1, UpTo: d.Position.Seq, Tokens: []store.Token{token},
			})
			if err != nil || len(at) != 1 || at[0].ID != d.ID {
				t.Errorf("seed %d: %s is not at its position through %s: %v", seed, d.ID, token, err)
			}
		}
	}
	p, err := e.Find(t.Context(), store.Query{Kind: "hazard", Order: "due"})
	if err != nil || len(p.Docs) != len(ds) {
		t.Errorf("seed %d: found %d of %d, %v", seed, len(p.Docs), len(ds), err)
	}
}

// TestOneSyncForACommit counts what durability costs: a commit without a checkpoint syncs the log once.
func TestOneSyncForACommit(t *testing.T) {
	disk := newForgetful(1, -1)
	vfs.Register("counting", disk)
	defer vfs.Unregister("counting")
	e, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "paicha.db"), VFS: "counting"})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, e)
	put := func(n int) {
		t.Helper()
		d := store.Doc{Ref: store.Ref{Kind: "hazard", ID: fmt.Sprint(n)}, Rev: 1, Position: store.Position{Writer: "w", Seq: store.Seq(n)}}
		if _, err := e.Put(t.Context(), []store.Put{{Doc: d}}); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	disk.mu.Lock()
	before := disk.syncs
	disk.mu.Unlock()
	for n := range 20 {
		put(n + 2)
	}
	disk.mu.Lock()
	defer disk.mu.Unlock()
	if got := disk.syncs - before; got != 20 {
		t.Fatalf("%d syncs for 20 commits", got)
	}
}
