package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"paicha/internal/backup"
	"paicha/internal/fault"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

// photosOf tells which photos a document says have arrived, and have not been erased since.
func photosOf(d store.Doc) ([]backup.Photo, error) {
	if d.Kind != fieldsync.KindEvidence || d.Removed != store.Live {
		return nil, nil
	}
	e, err := media.ParseEvidence(d.Body)
	if err != nil {
		return nil, err
	}
	var out []backup.Photo
	for _, a := range e.Arrived {
		if a.Erased != nil {
			continue
		}
		out = append(out, backup.Photo{SHA256: a.SHA256, Size: a.Size})
	}
	return out, nil
}

// flags makes a flag set that explains itself in Chinese.
func flags(name, usage string, stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintln(stderr, "用法："+usage)
		f.VisitAll(func(x *flag.Flag) { fmt.Fprintf(stderr, "  --%-16s %s\n", x.Name, x.Usage) })
	}
	return f
}

// parsed reads the arguments; code is the exit code if there is nothing more to do.
func parsed(f *flag.FlagSet, args []string, stderr io.Writer) (code int, ok bool) {
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0, false
	case err != nil:
		return 2, false
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "多余的参数 %q\n", f.Arg(0))
		return 2, false
	}
	return 0, true
}

// failed tells what went wrong, for people first.
func failed(what string, err error, stderr io.Writer) int {
	fmt.Fprintf(stderr, "%s没有完成：%s\n(%v)\n", what, fault.Of(err).Message, err)
	return 1
}

// ticker tells on stderr how far something has come, at most once a second.
func ticker(stderr io.Writer) func(backup.Step) {
	var last backup.Step
	var told time.Time
	return func(s backup.Step) {
		now := time.Now()
		if s.Phase == last.Phase && now.Sub(told) < time.Second && (s.Of == 0 || s.Done < s.Of) {
			return
		}
		last, told = s, now
		if s.Of > 0 {
			fmt.Fprintf(stderr, "%s %d / %d\n", s.Phase, s.Done, s.Of)
		} else {
			fmt.Fprintf(stderr, "%s %d\n", s.Phase, s.Done)
		}
	}
}

// storeOptions are those of a store that a copy opens.
func storeOptions() store.Options {
	started := time.Now()
	return store.Options{Now: time.Now, Elapsed: func() time.Duration { return time.Since(started) }, NewID: func() string { return newID().String() }}
}

// embedded names the parts of an embedded deployment.
func embedded(dir string) (documents, photos string) {
	return "sqlite://" + dir, "file://" + filepath.Join(dir, "photos")
}

// fromFolder opens an embedded deployment as a source, read only and under its lock. Its photos are at album, or in the
// folder if that is empty; errElsewhere if they are not: a server that keeps them there makes their folder at its start.
func fromFolder(ctx context.Context, dir, album string) (backup.Source, func(), error) {
	documents, within := embedded(dir)
	if album == "" {
		if _, err := os.Stat(filepath.Join(dir, "photos")); errors.Is(err, os.ErrNotExist) {
			if _, err := os.Stat(filepath.Join(dir, "paicha.db")); err == nil {
				return backup.Source{}, nil, errElsewhere
			}
		}
		album = within
	}
	e, err := openEngine(ctx, documents, engineOptions{ReadOnly: true})
	if err != nil {
		return backup.Source{}, nil, err
	}
	origin, err := store.AtRest(ctx, e)
	if err != nil {
		return backup.Source{}, nil, errors.Join(err, e.Close())
	}
	p, err := openPhotos(ctx, album)
	if err != nil {
		return backup.Source{}, nil, errors.Join(err, e.Close())
	}
	return backup.Source{Documents: origin, Photos: p, Named: photosOf}, func() { _ = errors.Join(p.Close(), e.Close()) }, nil
}

// target opens where a copy goes.
func target(ctx context.Context, documents, album string, stderr io.Writer) (backup.Target, func() error, error) {
	e, err := openEngine(ctx, documents, engineOptions{})
	if err != nil {
		return backup.Target{}, nil, err
	}
	p, err := openPhotos(ctx, album)
	if err != nil {
		return backup.Target{}, nil, errors.Join(err, e.Close())
	}
	return backup.Target{Engine: e, Photos: p, Options: storeOptions(), Report: ticker(stderr)},
		func() error { return errors.Join(p.Close(), e.Close()) }, nil
}

// addresses completes --blobs: beside an embedded store it is the folder that serve uses.
func addresses(documents, album string) (string, string) {
	if dir, ok := strings.CutPrefix(documents, "sqlite://"); ok && album == "" {
		_, album = embedded(dir)
	}
	return documents, album
}

// summary tells what a restore or a move did.
func summary(out io.Writer, what string, s backup.Summary) {
	fmt.Fprintf(out, "%s完成，全部核对无误\n", what)
	fmt.Fprintf(out, "文档 %d 份：%s\n", s.Documents, byKind(s.Kinds))
	fmt.Fprintf(out, "照片 %d 张，%d 字节\n", s.Photos, s.Bytes)
	tellAbsent(out, s.Absent)
	fmt.Fprintf(out, "新纪元 %s：封存原有写入者 %d 个，重新编号超出其终点的文档 %d 份；各平板下次同步时会重新下载，并重发备份之后的记录\n", s.Epoch, s.Sealed, s.Restamped)
}

func tellAbsent(out io.Writer, hashes []string) {
	if len(hashes) == 0 {
		return
	}
	fmt.Fprintf(out, "注意：有 %d 张照片在来源中缺失或已损坏（平板上可能还有）：\n", len(hashes))
	for _, h := range hashes {
		fmt.Fprintln(out, "  "+h)
	}
}

func byKind(kinds map[store.Kind]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, kinds[k]))
	}
	return strings.Join(parts, "，")
}

// readKey reads the token key file of a deployment; nothing if there is none.
func readKey(name, data string) ([]byte, error) {
	if name == "" {
		name = filepath.Join(data, "token.key")
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
