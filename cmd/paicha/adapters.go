package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/httpapi"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/media"
	"paicha/media/fs"
)

// engine is a store's engine and what ends it.
type engine interface {
	store.Engine
	Close() error
}

// photos is where photos are kept, and what ends it.
type photos struct {
	media.Blobs
	Close func() error
}

// engineOptions are what an engine needs beside its address. Fatal may be nil.
type engineOptions struct {
	ReadOnly bool
	Fatal    func(error)
}

// engines opens engines by the scheme of their address; rest is what follows "://". An adapter is entered here.
var engines = map[string]func(ctx context.Context, rest string, o engineOptions) (engine, error){
	"sqlite": func(ctx context.Context, dir string, o engineOptions) (engine, error) {
		name := filepath.Join(dir, "paicha.db")
		if o.ReadOnly { // nothing is made where there is nothing
			if _, err := os.Stat(name); err != nil {
				return nil, store.ErrNoHistory.Because(err)
			}
		} else if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, store.ErrUnavailable.Because(err)
		}
		return opened(sqlite.Open(ctx, sqlite.Options{Path: name, Indexes: indexes(), ReadOnly: o.ReadOnly, Fatal: o.Fatal}))
	},
}

// albums opens stores of photos by the scheme of their address. An adapter is entered here.
var albums = map[string]func(ctx context.Context, rest string) (photos, error){
	"file": func(_ context.Context, dir string) (photos, error) {
		s, err := fs.Open(dir)
		if err != nil {
			return photos{}, err
		}
		return photos{Blobs: s.Blobs(), Close: s.Close}, nil
	},
}

// opened keeps a nil pointer from becoming an engine.
func opened[E engine](e E, err error) (engine, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}

// indexes are all that the domain declares.
func indexes() []store.Index {
	return slices.Concat(inspection.Indexes, directory.Indexes, auth.Indexes, httpapi.Indexes)
}

// openEngine opens the engine at an address such as sqlite:///srv/paicha, the folder of the database.
func openEngine(ctx context.Context, at string, o engineOptions) (engine, error) {
	scheme, rest, ok := strings.Cut(at, "://")
	if open := engines[scheme]; ok && open != nil && rest != "" {
		return open(ctx, rest, o)
	}
	return nil, errAddress.Saying("不认识的文档库地址 %q；可用的是 %s，例如 sqlite:///srv/paicha", redacted(at), schemes(engines))
}

// openPhotos opens the photos at an address such as file:///srv/paicha/photos.
func openPhotos(ctx context.Context, at string) (photos, error) {
	scheme, rest, ok := strings.Cut(at, "://")
	if open := albums[scheme]; ok && open != nil && rest != "" {
		return open(ctx, rest)
	}
	return photos{}, errAddress.Saying("不认识的照片库地址 %q；可用的是 %s，例如 file:///srv/paicha/photos", redacted(at), schemes(albums))
}

func schemes[T any](of map[string]T) string {
	var out []string
	for s := range of {
		out = append(out, s+"://")
	}
	slices.Sort(out)
	return strings.Join(out, "、")
}

// redacted is an address without what may be a password.
func redacted(at string) string {
	scheme, rest, _ := strings.Cut(at, "://")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		return scheme + "://…" + rest[i:]
	}
	return at
}
