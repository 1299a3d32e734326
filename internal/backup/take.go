package backup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"paicha/internal/store"
	"paicha/media"

	"github.com/go-json-experiment/json"
)

// Source is what is copied. Named tells which photos a document says have arrived.
type Source struct {
	Documents *store.Origin
	Photos    media.Blobs
	Named     func(store.Doc) ([]Photo, error)
}

// Step is how far something has come, for people.
type Step struct {
	Phase string // "文档", "照片", "核对文档", "核对照片"
	Done  int
	Of    int // 0: not known
}

// Options are what Take needs besides its source. Report may be nil.
type Options struct {
	Folder  string
	Program string
	Now     func() time.Time
	Key     []byte // content of the token key file
	WithKey bool   // keep the key in the backup, and not only its fingerprint
	Report  func(Step)
}

func (o Options) report(s Step) {
	if o.Report != nil {
		o.Report(s)
	}
}

// page bounds what is read from a store at a time.
var page = store.Limit{Docs: 500, Bytes: 4 << 20}

// stale is how old an unfinished backup may be to be gone on with.
const stale = 24 * time.Hour

// progress is what an unfinished backup keeps beside its segments.
type progress struct {
	Format   int            `json:"format"`
	Begun    time.Time      `json:"begun"`
	Copy     store.Progress `json:"copy"`
	Segments []File         `json:"segments"`
}

// taking is a backup being taken.
type taking struct {
	Options
	src    Source
	dir    string // of the unfinished backup
	state  progress
	tally  *tally
	photos map[media.SHA256]int64
	lines  [][]byte // of the segment that is filled
	bytes  int
}

// Take makes a backup in o.Folder while the source is in use, and returns its manifest when it is complete and durable.
// ErrBusy if another process works on the folder. Stopped or killed at any point, the next call goes on or begins anew.
func Take(ctx context.Context, src Source, o Options) (*Backup, error) {
	if err := makeDir(o.Folder); err != nil {
		return nil, err
	}
	l, err := lock(o.Folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	t := &taking{Options: o, src: src}
	if err := t.resume(); err != nil {
		return nil, err
	}
	history, err := src.Documents.Copy(ctx, t.state.Copy, page, t.take)
	if errors.Is(err, store.ErrEpoch) && t.state.Copy.Epoch != "" {
		// What was begun is of another history: begin with this one.
		if err = t.begin(); err == nil {
			history, err = src.Documents.Copy(ctx, t.state.Copy, page, t.take)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := t.flush(t.state.Copy); err != nil {
		return nil, err
	}
	return t.finish(ctx, history)
}

// resume takes up the newest unfinished backup of the folder that is good for it, and removes the others.
func (t *taking) resume() error {
	left, err := filepath.Glob(filepath.Join(t.Folder, "*"+partial))
	if err != nil {
		return ErrMedium.Because(err)
	}
	slices.Sort(left)
	for _, dir := range slices.Backward(left) {
		if t.dir == "" && t.takeUp(dir) == nil {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return ErrMedium.Because(err)
		}
	}
	if t.dir == "" {
		return t.begin()
	}
	return nil
}

// takeUp reads what an unfinished backup has. Any error means that it is no good.
func (t *taking) takeUp(dir string) error {
	t.reset()
	b, err := os.ReadFile(filepath.Join(dir, progressName))
	if err != nil {
		return err
	}
	var p progress
	if err := json.Unmarshal(b, &p, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	if age := t.Now().Sub(p.Begun); p.Format != format || age > stale || age < 0 {
		return errors.New("too old, or of another program")
	}
	for _, f := range p.Segments {
		if err := verifyFile(dir, f); err != nil {
			return err
		}
		err := readLines(dir, f, func(text []byte) error {
			d, err := decode(text)
			if err != nil {
				return err
			}
			return t.note(d, text)
		})
		if err != nil {
			return err
		}
	}
	t.dir, t.state = dir, p
	return nil
}

func (t *taking) reset() {
	t.tally, t.photos, t.lines, t.bytes = newTally(), map[media.SHA256]int64{}, nil, 0
}

// begin makes a new, empty one.
func (t *taking) begin() error {
	t.reset()
	if t.dir != "" {
		if err := os.RemoveAll(t.dir); err != nil {
			return ErrMedium.Because(err)
		}
	}
	t.state = progress{Format: format, Begun: t.Now().UTC().Truncate(time.Millisecond)}
	name := t.state.Begun.Format("20060102T150405Z")
	for n := 2; ; n++ {
		_, err := os.Stat(filepath.Join(t.Folder, name))
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		name = fmt.Sprintf("%s-%d", t.state.Begun.Format("20060102T150405Z"), n)
	}
	t.dir = filepath.Join(t.Folder, name+partial)
	return makeDir(filepath.Join(t.dir, "documents"))
}

// note counts a document and collects the photos that it names.
func (t *taking) note(d store.Doc, text []byte) error {
	if err := t.tally.add(d, text); err != nil {
		return err
	}
	named, err := t.src.Named(d)
	if err != nil {
		return fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
	}
	for _, p := range named {
		t.photos[p.SHA256] = p.Size
	}
	return nil
}

// take takes a page of documents. What is not yet in a whole segment is taken again after a crash.
func (t *taking) take(docs []store.Doc, p store.Progress) error {
	for _, d := range docs {
		text, err := encode(d)
		if err != nil {
			return fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
		}
		if err := t.note(d, text); err != nil {
			return err
		}
		t.lines = append(t.lines, text)
		t.bytes += len(text) + 1
	}
	t.report(Step{Phase: "文档", Done: len(t.tally.newest)})
	if t.bytes >= segmentBytes {
		return t.flush(p)
	}
	t.state.Copy = p
	return nil
}

// flush makes a segment of what was taken and says how far it goes.
func (t *taking) flush(p store.Progress) error {
	if len(t.lines) > 0 {
		f, err := writeLines(t.dir, fmt.Sprintf("documents/%05d.jsonl.zst", len(t.state.Segments)+1), func(add func([]byte) error) error {
			for _, text := range t.lines {
				if err := add(text); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		t.state.Segments = append(t.state.Segments, f)
		t.lines, t.bytes = nil, 0
	}
	t.state.Copy = p
	b, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	return placeBytes(filepath.Join(t.dir, progressName), b)
}

// finish copies the photos, writes the manifest and gives the backup its name.
func (t *taking) finish(ctx context.Context, h store.History) (*Backup, error) {
	m := Manifest{
		Format: format, Program: t.Program, Epoch: h.Epoch, Begun: t.state.Begun, History: h,
		Documents: Documents{Count: len(t.tally.newest), Kinds: t.tally.kinds, Segments: t.state.Segments},
		Key:       Key{Fingerprint: Fingerprint(t.Key)},
	}
	if err := t.copyPhotos(ctx, &m.Photos); err != nil {
		return nil, err
	}
	if t.WithKey && len(t.Key) > 0 {
		if err := makeDir(filepath.Join(t.dir, filepath.Dir(keyName))); err != nil {
			return nil, err
		}
		c := newCounting(io.Discard)
		_, _ = c.Write(t.Key) // goes nowhere
		m.Key.File = File{Name: keyName, Bytes: c.n, SHA256: c.sum()}
		if err := placeBytes(filepath.Join(t.dir, keyName), t.Key); err != nil {
			return nil, err
		}
	}
	m.Ended = t.Now().UTC().Truncate(time.Millisecond)
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(t.dir, progressName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, ErrMedium.Because(err)
	}
	if err := placeBytes(filepath.Join(t.dir, manifestName), text); err != nil {
		return nil, err
	}
	final := strings.TrimSuffix(t.dir, partial)
	if err := os.Rename(t.dir, final); err != nil {
		return nil, ErrMedium.Because(err)
	}
	if err := syncDir(t.Folder); err != nil {
		return nil, ErrMedium.Because(err)
	}
	return open(final)
}

// copyPhotos copies the photos that the folder does not have, and lists them all.
func (t *taking) copyPhotos(ctx context.Context, into *Photos) error {
	all := make([]Photo, 0, len(t.photos))
	for h, size := range t.photos {
		all = append(all, Photo{SHA256: h, Size: size})
	}
	slices.SortFunc(all, func(a, b Photo) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	a := newAlbum(t.Folder)
	if err := makeDir(a.dir); err != nil {
		return err
	}
	kept := all[:0:0]
	for i, p := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !a.has(p) {
			err := fetch(ctx, t.src.Photos, p, func(r io.Reader) error { return a.put(p, r) })
			if absent(err) {
				into.Absent = append(into.Absent, p.SHA256.String())
				continue
			}
			if err != nil {
				return err
			}
			into.New++
		}
		kept = append(kept, p)
		into.Bytes += p.Size
		t.report(Step{Phase: "照片", Done: i + 1, Of: len(all)})
	}
	into.Count = len(kept)
	if err := a.sync(); err != nil {
		return err
	}
	var err error
	into.List, err = writeLines(t.dir, photosName, func(add func([]byte) error) error {
		for _, p := range kept {
			b, err := json.Marshal(p)
			if err = cmp.Or(err, add(b)); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
