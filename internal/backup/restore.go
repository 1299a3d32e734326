package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"paicha/internal/store"
	"paicha/media"

	"github.com/go-json-experiment/json"
)

// documents verifies every segment and gives its documents, with their encoding; see may be nil.
func (b *Backup) documents(ctx context.Context, see func(segment int, d store.Doc) error) (*tally, error) {
	t := newTally()
	for i, f := range b.Documents.Segments {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := verifyFile(b.Dir, f); err != nil {
			return nil, err
		}
		err := readLines(b.Dir, f, func(text []byte) error {
			d, err := decode(text)
			if err == nil {
				err = t.add(d, text)
			}
			if err != nil {
				return damaged(f.Name, err)
			}
			if see == nil {
				return nil
			}
			return see(i, d)
		})
		if err != nil {
			return nil, err
		}
	}
	if len(t.newest) != b.Documents.Count || !maps.Equal(t.kinds, b.Documents.Kinds) {
		return nil, damaged(manifestName, fmt.Errorf("documents %v, want %v", t.kinds, b.Documents.Kinds))
	}
	return t, nil
}

// photos verifies the list of photos and returns it.
func (b *Backup) photos() ([]Photo, error) {
	f := b.Photos.List
	if err := verifyFile(b.Dir, f); err != nil {
		return nil, err
	}
	var out []Photo
	err := readLines(b.Dir, f, func(text []byte) error {
		var p Photo
		if err := json.Unmarshal(text, &p); err != nil {
			return damaged(f.Name, err)
		}
		out = append(out, p)
		return nil
	})
	if err == nil && len(out) != b.Photos.Count {
		err = damaged(f.Name, fmt.Errorf("%d photos, want %d", len(out), b.Photos.Count))
	}
	return out, err
}

// Verify reads everything that the backup has, photos too, and compares it with the manifest. ErrDamaged names the first
// file that is not as it was.
func (b *Backup) Verify(ctx context.Context, report func(Step)) error {
	o := Options{Report: report}
	_, err := b.documents(ctx, func(segment int, _ store.Doc) error {
		o.report(Step{Phase: "核对文档", Done: segment + 1, Of: len(b.Documents.Segments)})
		return nil
	})
	if err != nil {
		return err
	}
	if f := b.Key.File; f.Name != "" {
		if err := verifyFile(b.Dir, f); err != nil {
			return err
		}
	}
	list, err := b.photos()
	if err != nil {
		return err
	}
	a := b.album()
	for i, p := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.verify(p); err != nil {
			return err
		}
		o.report(Step{Phase: "核对照片", Done: i + 1, Of: len(list)})
	}
	return nil
}

func (b *Backup) album() *album { return &album{dir: b.blobs} }

// Token returns the token key that the backup holds, or nothing.
func (b *Backup) Token() ([]byte, error) {
	f := b.Key.File
	if f.Name == "" {
		return nil, nil
	}
	if err := verifyFile(b.Dir, f); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(b.Dir, f.Name))
	if err != nil {
		return nil, damaged(f.Name, err)
	}
	return key, nil
}

// Target is where a copy goes. Options are those of the store that will open it.
type Target struct {
	Engine  store.Engine
	Photos  media.Blobs
	Options store.Options
	Report  func(Step)
	// Ready is called when everything is there and compared, just before the epoch begins and with it the target's
	// use; what else belongs to it is put in place here, again if need be. May be nil.
	Ready func() error
}

// begin begins the epoch.
func (t Target) begin(ctx context.Context, a *store.Arrival, h store.History) (store.Begun, error) {
	if t.Ready != nil {
		if err := t.Ready(); err != nil {
			return store.Begun{}, err
		}
	}
	return a.Begin(ctx, h)
}

func (t Target) report(s Step) {
	if t.Report != nil {
		t.Report(s)
	}
}

// Summary is what a restore or a move did.
type Summary struct {
	store.Begun
	Documents int
	Kinds     map[store.Kind]int
	Photos    int
	Bytes     int64    // of photos
	Absent    []string // photos that documents name and the source did not have
}

// Restore puts the backup into an empty target, compares all of it, photos too, and begins a new epoch. Every hash is
// verified before the byte is used. Interrupted, it goes on when it is called again. ErrDamaged names what is damaged;
// store.ErrNotEmpty if the target has something already; ErrDiffers if the target does not give back what it was given.
func (b *Backup) Restore(ctx context.Context, t Target) (Summary, error) {
	wanted, err := b.documents(ctx, nil) // before the first byte is written
	if err != nil {
		return Summary{}, err
	}
	list, err := b.photos()
	if err != nil {
		return Summary{}, err
	}
	a, err := store.Arrive(ctx, t.Engine, "backup "+b.Check, t.Options)
	if err != nil {
		return Summary{}, err
	}
	if err := b.load(ctx, t, a); err != nil {
		return Summary{}, err
	}
	from := b.album()
	for i, p := range list {
		err := give(ctx, t.Photos, p, func(put func(io.Reader) error) error {
			f, err := from.open(p.SHA256)
			if err != nil {
				return err
			}
			if err := put(f); absent(err) {
				return errors.Join(damaged(blobName(p.SHA256), err), f.Close())
			} else if err != nil {
				return errors.Join(err, f.Close())
			}
			return f.Close()
		})
		if err != nil {
			return Summary{}, err
		}
		t.report(Step{Phase: "照片", Done: i + 1, Of: len(list)})
	}
	if err := compare(ctx, t, a, wanted); err != nil {
		return Summary{}, err
	}
	if err := readBack(ctx, t, list); err != nil {
		return Summary{}, err
	}
	begun, err := t.begin(ctx, a, b.History)
	return Summary{
		Begun: begun, Documents: b.Documents.Count, Kinds: b.Documents.Kinds,
		Photos: b.Photos.Count, Bytes: b.Photos.Bytes, Absent: b.Photos.Absent,
	}, err
}

// load loads the segments that are not loaded yet.
func (b *Backup) load(ctx context.Context, t Target, a *store.Arrival) error {
	done := 0
	if p := a.Progress(); p != nil {
		if err := json.Unmarshal(p, &done); err != nil {
			return ErrDiffers.Because(err)
		}
	}
	for i, f := range b.Documents.Segments {
		if i < done {
			continue
		}
		var docs []store.Doc
		bytes := 0
		flush := func() error {
			err := a.Load(ctx, docs)
			docs, bytes = nil, 0
			return err
		}
		err := readLines(b.Dir, f, func(text []byte) error {
			d, err := decode(text)
			if err != nil {
				return damaged(f.Name, err)
			}
			docs = append(docs, d)
			if bytes += len(text); len(docs) >= page.Docs || bytes >= page.Bytes {
				return flush()
			}
			return nil
		})
		if err == nil {
			err = flush()
		}
		if err == nil {
			err = a.Keep(ctx, fmt.Append(nil, i+1))
		}
		if err != nil {
			return err
		}
		t.report(Step{Phase: "文档", Done: i + 1, Of: len(b.Documents.Segments)})
	}
	return nil
}

// compare walks the target: it has the documents that are wanted, as they were, and no others.
func compare(ctx context.Context, t Target, a *store.Arrival, wanted *tally) error {
	seen := 0
	err := a.All(ctx, page, func(docs []store.Doc) error {
		for _, d := range docs {
			text, err := encode(d)
			if err != nil {
				return err
			}
			if got := (version{d.Rev, sum(string(text))}); wanted.newest[sum(string(d.Kind), d.ID)] != got {
				return ErrDiffers.At("/" + string(d.Kind) + "/" + d.ID)
			}
		}
		seen += len(docs)
		t.report(Step{Phase: "核对文档", Done: seen, Of: len(wanted.newest)})
		return nil
	})
	if err == nil && seen != len(wanted.newest) {
		err = ErrDiffers.Because(fmt.Errorf("%d documents, want %d", seen, len(wanted.newest)))
	}
	return err
}

// give puts a photo into b unless it is there; open is given what takes its bytes.
func give(ctx context.Context, b media.Blobs, p Photo, open func(put func(io.Reader) error) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch size, err := b.Stat(ctx, p.SHA256); {
	case err == nil && size == p.Size:
		return nil // readBack looks at its bytes
	case err != nil && !errors.Is(err, media.ErrNotFound):
		return err
	}
	return open(func(r io.Reader) error { return b.Put(ctx, p.SHA256, p.Size, r) })
}

// readBack reads every photo from the target and compares its hash.
func readBack(ctx context.Context, t Target, list []Photo) error {
	for i, p := range list {
		err := fetch(ctx, t.Photos, p, func(r io.Reader) error { return pour(io.Discard, p, r) })
		if absent(err) {
			return ErrDiffers.At("/" + blobName(p.SHA256)).Because(err)
		}
		if err != nil {
			return err
		}
		t.report(Step{Phase: "核对照片", Done: i + 1, Of: len(list)})
	}
	return nil
}

// Move copies src, which nobody writes to, straight into an empty target, compares all of it and begins a new epoch
// there. Interrupted, it goes on when it is called again, also if the source was in use again between.
func Move(ctx context.Context, src Source, t Target) (Summary, error) {
	epoch, err := src.Documents.Epoch(ctx)
	if err != nil {
		return Summary{}, err
	}
	a, err := store.Arrive(ctx, t.Engine, "epoch "+epoch, t.Options)
	if err != nil {
		return Summary{}, err
	}
	var from store.Progress
	if p := a.Progress(); p != nil {
		if err := json.Unmarshal(p, &from); err != nil {
			return Summary{}, ErrDiffers.Because(err)
		}
	}
	n := 0
	h, err := src.Documents.Copy(ctx, from, page, func(docs []store.Doc, p store.Progress) error {
		if err := a.Load(ctx, docs); err != nil {
			return err
		}
		b, err := json.Marshal(p)
		if err != nil {
			return err
		}
		n += len(docs)
		t.report(Step{Phase: "文档", Done: n})
		return a.Keep(ctx, b)
	})
	if err != nil {
		return Summary{}, err
	}
	s, list, err := verifyMove(ctx, src, t, a)
	if err != nil {
		return s, err
	}
	kept := list[:0:0]
	for i, p := range list {
		var missing error
		err := give(ctx, t.Photos, p, func(put func(io.Reader) error) error {
			missing = fetch(ctx, src.Photos, p, put)
			return missing
		})
		switch {
		case missing != nil && absent(missing):
			s.Absent = append(s.Absent, p.SHA256.String())
			continue
		case err != nil:
			return s, err
		}
		kept = append(kept, p)
		s.Bytes += p.Size
		t.report(Step{Phase: "照片", Done: i + 1, Of: len(list)})
	}
	s.Photos = len(kept)
	if err := readBack(ctx, t, kept); err != nil {
		return s, err
	}
	s.Begun, err = t.begin(ctx, a, h)
	return s, err
}

// verifyMove compares each document of the source with the target's, and the number of documents. It returns the photos
// that they name.
func verifyMove(ctx context.Context, src Source, t Target, a *store.Arrival) (Summary, []Photo, error) {
	s := Summary{Kinds: map[store.Kind]int{}}
	named := map[media.SHA256]int64{}
	err := src.Documents.All(ctx, page, func(docs []store.Doc) error {
		refs := make([]store.Ref, len(docs))
		for i, d := range docs {
			refs[i] = d.Ref
		}
		there, err := a.Get(ctx, refs)
		if err != nil {
			return err
		}
		for i, d := range docs {
			if !store.Same(d, there[i]) {
				return ErrDiffers.At("/" + string(d.Kind) + "/" + d.ID)
			}
			s.Kinds[d.Kind]++
			ps, err := src.Named(d)
			if err != nil {
				return fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
			}
			for _, p := range ps {
				named[p.SHA256] = p.Size
			}
		}
		s.Documents += len(docs)
		t.report(Step{Phase: "核对文档", Done: s.Documents})
		return nil
	})
	if err != nil {
		return s, nil, err
	}
	kinds := map[store.Kind]int{}
	err = a.All(ctx, page, func(docs []store.Doc) error {
		for _, d := range docs {
			kinds[d.Kind]++
		}
		return nil
	})
	if err == nil && !maps.Equal(kinds, s.Kinds) {
		err = ErrDiffers.Because(fmt.Errorf("documents %v, want %v", kinds, s.Kinds))
	}
	list := make([]Photo, 0, len(named))
	for h, size := range named {
		list = append(list, Photo{SHA256: h, Size: size})
	}
	slices.SortFunc(list, func(x, y Photo) int { return bytes.Compare(x.SHA256[:], y.SHA256[:]) })
	return s, list, err
}
