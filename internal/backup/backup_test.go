package backup_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/internal/backup"
	"paicha/internal/fault"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/media"
	photofs "paicha/media/fs"
)

// place is a deployment: a store with its engine, and photos.
type place struct {
	t      *testing.T
	dir    string
	engine *sqlite.Engine
	store  *store.Store // nil at rest
	photos *photofs.Store
}

func at(t *testing.T, dir string) *place {
	t.Helper()
	e, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "paicha.db")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := photofs.Open(filepath.Join(dir, "photos"))
	if err != nil {
		t.Fatal(err)
	}
	out := &place{t: t, dir: dir, engine: e, photos: p}
	t.Cleanup(out.close)
	return out
}

func (p *place) close() { _, _ = p.photos.Close(), p.engine.Close() }

// serving opens the store.
func (p *place) serving() *place {
	p.t.Helper()
	s, err := store.Open(p.t.Context(), p.engine, options())
	if err != nil {
		p.t.Fatal(err)
	}
	p.store = s
	return p
}

var ids int

func options() store.Options {
	return store.Options{
		Now: time.Now, Elapsed: func() time.Duration { return 0 },
		NewID: func() string { ids++; return fmt.Sprintf("id%d", ids) },
	}
}

// write puts a document on what is there.
func (p *place) write(id string, change func(*store.Doc)) store.Doc {
	p.t.Helper()
	ref := store.Ref{Kind: "evidence", ID: id}
	old, err := p.store.Get(p.t.Context(), ref)
	if err != nil {
		p.t.Fatal(err)
	}
	n := store.Doc{
		Ref: ref, Tokens: []store.Token{"5325"}, Body: fmt.Appendf(nil, `{"版本": %d}`, old[0].Rev+1),
		Memory: []byte{0, 0xff, '\n'}, Fields: store.Fields{"status": store.Text("已整改"), "due": store.Num(-1 << 62)},
	}
	if change != nil {
		change(&n)
	}
	outs, err := p.store.Commit(p.t.Context(), []store.Write{{Old: old[0], New: n}})
	if err != nil || outs[0].Status != store.OK {
		p.t.Fatal(outs, err)
	}
	got, err := p.store.Get(p.t.Context(), ref)
	if err != nil {
		p.t.Fatal(err)
	}
	return got[0]
}

// photograph keeps a photo and the document that says that it has arrived: its body is the hash and the size.
func (p *place) photograph(id string, data []byte) media.SHA256 {
	p.t.Helper()
	h := media.Sum(data)
	if err := p.photos.Blobs().Put(p.t.Context(), h, int64(len(data)), bytes.NewReader(data)); err != nil {
		p.t.Fatal(err)
	}
	p.write(id, func(d *store.Doc) { d.Body = fmt.Appendf(nil, "photo %s %d", h, len(data)) })
	return h
}

func named(d store.Doc) ([]backup.Photo, error) {
	var h string
	var p backup.Photo
	if n, _ := fmt.Sscanf(string(d.Body), "photo %s %d", &h, &p.Size); n != 2 {
		return nil, nil
	}
	var err error
	p.SHA256, err = media.ParseSHA256(h)
	return []backup.Photo{p}, err
}

func (p *place) source() backup.Source {
	p.t.Helper()
	var o *store.Origin
	var err error
	if p.store != nil {
		o, err = p.store.Origin()
	} else {
		o, err = store.AtRest(p.t.Context(), p.engine)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return backup.Source{Documents: o, Photos: p.photos.Blobs(), Named: named}
}

func (p *place) target() backup.Target {
	return backup.Target{Engine: p.engine, Photos: p.photos.Blobs(), Options: options()}
}

// docs are all documents but the store's own.
func (p *place) docs() map[store.Ref]store.Doc {
	p.t.Helper()
	out := map[store.Ref]store.Doc{}
	for after := store.ScanKey(""); ; {
		docs, next, err := p.engine.Walk(p.t.Context(), after, store.Limit{Docs: 100})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, d := range docs {
			if d.Kind[0] != '_' {
				out[d.Ref] = d
			}
		}
		if after = next; next == "" {
			return out
		}
	}
}

func equal(t *testing.T, got, want map[store.Ref]store.Doc) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d documents, want %d", len(got), len(want))
	}
	for ref, w := range want {
		if !store.Same(got[ref], w) {
			t.Errorf("got  %+v\nwant %+v", got[ref], w)
		}
	}
}

// lived makes a deployment with something of everything.
func lived(t *testing.T) *place {
	p := at(t, t.TempDir()).serving()
	for i := range 30 {
		p.write(fmt.Sprint("plain", i), nil)
	}
	for i := range 5 {
		p.write(fmt.Sprint("plain", i), func(d *store.Doc) { d.Tokens = []store.Token{"5325", "532504"} })
	}
	p.write("plain0", func(d *store.Doc) { d.Tokens = []store.Token{"532504"} })
	p.write("plain1", func(d *store.Doc) { d.Removed, d.Body, d.Fields, d.Tokens = store.Deleted, nil, nil, nil })
	p.write("binary", func(d *store.Doc) { d.Body, d.Restricted = []byte{0xff, 0, '\n', '\r'}, []byte{} })
	for i := range 4 {
		p.photograph(fmt.Sprint("photo", i), bytes.Repeat([]byte{byte(i)}, 1000+i))
	}
	return p
}

func taking(folder string) backup.Options {
	return backup.Options{Folder: folder, Program: "test", Now: time.Now, Key: []byte("secret key\n")}
}

func take(t *testing.T, p *place, o backup.Options) *backup.Backup {
	t.Helper()
	b, err := backup.Take(t.Context(), p.source(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBackupRestoredIsTheSame(t *testing.T) {
	from := lived(t)
	folder := t.TempDir()
	b := take(t, from, taking(folder))
	if b.Photos.Count != 4 || b.Photos.New != 4 || b.Documents.Count != 35 || b.Documents.Kinds["evidence"] != 35 {
		t.Fatalf("%+v %+v", b.Documents, b.Photos)
	}
	if err := b.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got, err := backup.Open(folder); err != nil || got.Check != b.Check {
		t.Fatalf("the newest is %+v, %v", got, err)
	}
	to := at(t, t.TempDir())
	s, err := b.Restore(t.Context(), to.target())
	if err != nil {
		t.Fatal(err)
	}
	if s.Restamped != 0 || s.Photos != 4 || s.Epoch == b.Epoch {
		t.Errorf("%+v", s)
	}
	equal(t, to.docs(), from.docs())
	for i := range 4 {
		data := bytes.Repeat([]byte{byte(i)}, 1000+i)
		if n, err := to.photos.Blobs().Stat(t.Context(), media.Sum(data)); err != nil || n != int64(len(data)) {
			t.Errorf("photo %d: %d bytes, %v", i, n, err)
		}
	}
	to.serving().write("plain2", nil) // and life goes on
	if _, err := b.Restore(t.Context(), to.target()); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("restored over a living one: %v", err)
	}
}

func TestKeyIsCopiedOnlyWhenAsked(t *testing.T) {
	from := lived(t)
	o := taking(t.TempDir())
	b := take(t, from, o)
	if key, err := b.Token(); err != nil || key != nil || b.Key.Fingerprint != backup.Fingerprint(o.Key) {
		t.Errorf("%q, %v, %+v", key, err, b.Key)
	}
	err := filepath.WalkDir(o.Folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, o.Key) {
			t.Errorf("%s has the key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	o.WithKey = true
	b = take(t, from, o)
	if key, err := b.Token(); err != nil || !bytes.Equal(key, o.Key) {
		t.Errorf("%q, %v", key, err)
	}
}

func TestSecondBackupCopiesNewPhotosOnly(t *testing.T) {
	from := lived(t)
	folder := t.TempDir()
	first := take(t, from, taking(folder))
	old := from.photograph("gone", []byte("gone"))
	from.photograph("more", []byte("more"))
	if err := from.photos.Blobs().Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	second := take(t, from, taking(folder))
	if second.Photos.New != 1 || second.Photos.Count != 5 || !slices.Equal(second.Photos.Absent, []string{old.String()}) {
		t.Errorf("%+v", second.Photos)
	}
	for _, b := range []*backup.Backup{first, second} {
		if err := b.Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	take(t, from, taking(folder))
	if n, err := backup.Prune(folder, 2); err != nil || n != 1 {
		t.Errorf("%d removed, %v", n, err)
	}
	if _, err := backup.Open(first.Dir); !errors.Is(err, backup.ErrNone) {
		t.Errorf("a pruned backup opens: %v", err)
	}
	if err := second.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// TestInterruptedBackupGoesOn stops a backup at each of its steps, changes something, and calls again.
func TestInterruptedBackupGoesOn(t *testing.T) {
	backup.SetPageDocs(t, 12)
	backup.SetSegmentBytes(t, 1000)
	from := lived(t)
	last := backup.Step{}
	for stop := 1; ; stop++ {
		folder := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		o := taking(folder)
		n := 0
		o.Report = func(s backup.Step) {
			if n++; n == stop {
				last = s
				cancel()
			}
		}
		_, err := backup.Take(ctx, from.source(), o)
		cancel()
		if err == nil && n < stop {
			if last.Phase != "照片" || last.Done != last.Of {
				t.Errorf("the last step was %+v", last)
			}
			break
		}
		if err != nil {
			if _, err := backup.Open(folder); !errors.Is(err, backup.ErrNone) {
				t.Fatalf("stopped at %d: half a backup opens: %v", stop, err)
			}
		}
		from.write("plain2", nil)
		b := take(t, from, taking(folder))
		if err := b.Verify(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		to := at(t, t.TempDir())
		if _, err := b.Restore(t.Context(), to.target()); err != nil {
			t.Fatal(err)
		}
		equal(t, to.docs(), from.docs())
	}
}

// TestBackupIsTakenUpFromItsSegments leaves what a killed process leaves: whole segments and how far they go.
func TestBackupIsTakenUpFromItsSegments(t *testing.T) {
	backup.SetSegmentBytes(t, 256<<10)
	from := at(t, t.TempDir()).serving()
	noise := rand.New(rand.NewPCG(1, 1))
	for i := range 60 { // three segments
		body := make([]byte, 10<<10)
		for j := range body {
			body[j] = byte(noise.Uint32())
		}
		from.write(fmt.Sprint(i), func(d *store.Doc) { d.Body = body })
	}
	folder := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := taking(folder)
	o.Report = func(s backup.Step) {
		if s.Done >= 50 {
			cancel()
		}
	}
	if _, err := backup.Take(ctx, from.source(), o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	first, err := filepath.Glob(filepath.Join(folder, "*.partial", "documents", "*.zst"))
	if err != nil || len(first) == 0 {
		t.Fatalf("%v, %v", first, err)
	}
	before, err := os.Stat(first[0])
	if err != nil {
		t.Fatal(err)
	}
	from.write("3", nil)
	begun := 0
	o = taking(folder)
	o.Report = func(s backup.Step) {
		if begun == 0 {
			begun = s.Done
		}
	}
	b := take(t, from, o)
	after, err := os.Stat(filepath.Join(b.Dir, "documents", filepath.Base(first[0])))
	if err != nil || !os.SameFile(before, after) || begun < 20 {
		t.Errorf("the first segment was written again: begun with %d documents, %v", begun, err)
	}
	to := at(t, t.TempDir())
	if _, err := b.Restore(t.Context(), to.target()); err != nil {
		t.Fatal(err)
	}
	equal(t, to.docs(), from.docs())
	// Too old, or damaged, it is begun anew.
	for name, spoil := range map[string]func(dir string, o *backup.Options){
		"old": func(_ string, o *backup.Options) {
			o.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
		},
		"damaged": func(dir string, _ *backup.Options) { flip(t, filepath.Join(dir, "documents", "00001.jsonl.zst"), 100) },
	} {
		folder := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		o := taking(folder)
		o.Report = func(s backup.Step) {
			if s.Done >= 50 {
				cancel()
			}
		}
		if _, err := backup.Take(ctx, from.source(), o); !errors.Is(err, context.Canceled) {
			t.Fatal(name, err)
		}
		cancel()
		partial, _ := filepath.Glob(filepath.Join(folder, "*.partial"))
		o = taking(folder)
		spoil(partial[0], &o)
		if err := take(t, from, o).Verify(t.Context(), nil); err != nil {
			t.Error(name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(folder, "*.partial")); len(left) != 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
}

func flip(t *testing.T, name string, at int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[at%len(b)] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOneWrongByteIsFound changes one byte of each file in turn, takes each file away and cuts it short: neither
// verification nor restore accepts it, both name the file, and no store opens on what was begun.
func TestOneWrongByteIsFound(t *testing.T) {
	from := lived(t)
	folder := t.TempDir()
	o := taking(folder)
	o.WithKey = true
	b := take(t, from, o)
	var files []string
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != ".lock" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != 4+4 {
		t.Fatalf("%v, %v", files, err)
	}
	noise := rand.New(rand.NewPCG(1, 2))
	for _, name := range files {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"flip", "cut", "gone"} {
			switch how {
			case "flip":
				flip(t, name, noise.IntN(len(whole)))
			case "cut":
				err = os.WriteFile(name, whole[:len(whole)-1], 0o600)
			case "gone":
				err = os.Remove(name)
			}
			if err != nil {
				t.Fatal(err)
			}
			told := func(what string, err error) {
				t.Helper()
				if how == "gone" && strings.HasSuffix(name, "manifest.json") && errors.Is(err, backup.ErrNone) {
					return
				}
				if !errors.Is(err, backup.ErrDamaged) || !strings.Contains(fault.Of(err).Message, filepath.Base(name)) {
					t.Errorf("%s, %s: %s says %v", name, how, what, err)
				}
			}
			d, err := backup.Open(folder)
			if err != nil {
				told("open", err)
			} else {
				told("verify", d.Verify(t.Context(), nil))
				if !strings.HasSuffix(name, "token.key") {
					to := at(t, t.TempDir())
					_, err = d.Restore(t.Context(), to.target())
					told("restore", err)
					if docs := to.docs(); len(docs) > 0 {
						if _, err := store.Open(t.Context(), to.engine, options()); !errors.Is(err, store.ErrArriving) {
							t.Errorf("%s: a store opens on half a restore: %v", name, err)
						}
					}
				}
			}
			if err := os.WriteFile(name, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	b := take(t, lived(t), taking(t.TempDir()))
	name := filepath.Join(b.Dir, "manifest.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte(`"format": 1`), []byte(`"format": 2, "more": true`), 1)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Open(b.Dir); !errors.Is(err, backup.ErrFormat) {
		t.Error(err)
	}
}

func TestTwoBackupsAtOnceIntoOneFolderAreRefused(t *testing.T) {
	from := lived(t)
	o := taking(t.TempDir())
	o.Report = func(backup.Step) {
		if _, err := backup.Take(t.Context(), from.source(), taking(o.Folder)); !errors.Is(err, backup.ErrBusy) {
			t.Errorf("a second one: %v", err)
		}
	}
	take(t, from, o)
}

// failing fails its n-th load or photo, as a kill between two steps does.
type failing struct {
	*sqlite.Engine
	left *int
}

var errKilled = errors.New("killed")

func (f failing) Load(ctx context.Context, docs []store.Doc) error {
	if *f.left--; *f.left == 0 {
		return errKilled
	}
	return f.Engine.Load(ctx, docs)
}

func (f failing) Put(ctx context.Context, puts []store.Put) ([]store.Status, error) {
	if *f.left--; *f.left == 0 {
		return nil, errKilled
	}
	return f.Engine.Put(ctx, puts)
}

func (f failing) Walk(ctx context.Context, after store.ScanKey, limit store.Limit) ([]store.Doc, store.ScanKey, error) {
	if *f.left--; *f.left == 0 {
		return nil, "", errKilled
	}
	return f.Engine.Walk(ctx, after, limit)
}

// TestInterruptedArrivalGoesOn stops a restore, and a move, at each command to the target and runs it again. The source of
// the move is in use again in between.
func TestInterruptedArrivalGoesOn(t *testing.T) {
	for _, what := range []string{"restore", "move"} {
		t.Run(what, func(t *testing.T) {
			backup.SetPageDocs(t, 12)
			backup.SetSegmentBytes(t, 1000)
			from := lived(t)
			b := take(t, from, taking(t.TempDir()))
			if len(b.Documents.Segments) < 3 {
				t.Fatalf("%d segments", len(b.Documents.Segments))
			}
			run := func(to backup.Target) (backup.Summary, error) {
				if what == "restore" {
					return b.Restore(t.Context(), to)
				}
				from.store = nil
				return backup.Move(t.Context(), from.source(), to)
			}
			for stop := 1; ; stop++ {
				to := at(t, t.TempDir())
				left := stop
				target := to.target()
				target.Engine = failing{to.engine, &left}
				_, err := run(target)
				if left > 0 {
					if err != nil || stop < 9 {
						t.Fatalf("only %d steps, %v", stop, err)
					}
					return
				}
				if err == nil { // the registry's writes are repeated until their outcome is known
					continue
				}
				if !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
				if len(to.docs()) > 0 {
					_, err := store.Open(t.Context(), to.engine, options())
					if h, herr := store.AtRest(t.Context(), to.engine); herr == nil {
						t.Logf("stopped at %d, after the epoch began: %v", stop, h != nil)
					} else if !errors.Is(err, store.ErrArriving) {
						t.Fatalf("stopped at %d, a store opens: %v", stop, err)
					}
				}
				if what == "move" && stop < 6 {
					from.serving().write("plain3", nil)
					from.write(fmt.Sprint("later", stop), nil)
				}
				s, err := run(to.target())
				if err != nil {
					t.Fatalf("stopped at %d: %v", stop, err)
				}
				if s.Photos != 4 || s.Restamped != 0 {
					t.Errorf("%+v", s)
				}
				equal(t, to.docs(), from.docs())
				to.close()
			}
		})
	}
}

// forgetful loses one document of what it was given.
type forgetful struct{ *sqlite.Engine }

func (f forgetful) Load(ctx context.Context, docs []store.Doc) error {
	return f.Engine.Load(ctx, slices.DeleteFunc(slices.Clone(docs), func(d store.Doc) bool { return d.ID == "plain7" }))
}

func TestTargetThatLosesSomethingIsNotUsed(t *testing.T) {
	from := lived(t)
	b := take(t, from, taking(t.TempDir()))
	from.store = nil
	for what, run := range map[string]func(backup.Target) error{
		"restore": func(to backup.Target) error { _, err := b.Restore(t.Context(), to); return err },
		"move":    func(to backup.Target) error { _, err := backup.Move(t.Context(), from.source(), to); return err },
	} {
		to := at(t, t.TempDir())
		target := to.target()
		target.Engine = forgetful{to.engine}
		if err := run(target); !errors.Is(err, backup.ErrDiffers) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := store.Open(t.Context(), to.engine, options()); !errors.Is(err, store.ErrArriving) {
			t.Errorf("%s: a store opens: %v", what, err)
		}
	}
}

// TestDamagedPhotoInTheTargetIsFound: a photo of the right length was there before, with other bytes.
func TestDamagedPhotoInTheTargetIsFound(t *testing.T) {
	from := lived(t)
	b := take(t, from, taking(t.TempDir()))
	dir := t.TempDir()
	to := at(t, dir)
	h := media.Sum(bytes.Repeat([]byte{0}, 1000))
	name := filepath.Join(dir, "photos", "blobs", hex.EncodeToString(h[:1]), h.String())
	if err := os.WriteFile(name, make([]byte, 999+1)[:1000], 0o600); err != nil {
		t.Fatal(err)
	}
	flip(t, name, 5)
	if _, err := b.Restore(t.Context(), to.target()); !errors.Is(err, backup.ErrDiffers) {
		t.Error(err)
	}
}
