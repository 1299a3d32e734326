package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/httpapi"
	"paicha/internal/store"
	"paicha/internal/store/mongo"
	"paicha/internal/store/sqlite"
	"paicha/media"
	"paicha/media/fs"
	"paicha/media/minio"
	fieldsync "paicha/sync"
)

// engine is a store's engine and what ends it.
type engine interface {
	store.Engine
	Close() error
}

// photos is where photos are kept, with uploads that are under way and pictures, and what ends it.
type photos struct {
	media.Blobs
	Staging media.Staging
	Derived media.Derivatives
	Links   media.Linker // nil: clients cannot reach the store
	Locks   media.Locker // nil: the store has none
	Close   func() error
}

// engineOptions are what an engine needs beside its address. Fatal may be nil.
type engineOptions struct {
	ReadOnly bool
	Fatal    func(error)
	Warn     func(string) // what the server at hand cannot promise; may be nil
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
	"mongodb":     openMongo("mongodb"),
	"mongodb+srv": openMongo("mongodb+srv"),
}

// albums opens stores of photos by the scheme of their address. An adapter is entered here.
var albums = map[string]func(ctx context.Context, rest string) (photos, error){
	"file": func(_ context.Context, dir string) (photos, error) {
		s, err := fs.Open(dir)
		if err != nil {
			return photos{}, err
		}
		return photos{Blobs: s.Blobs(), Staging: s.Staging(), Derived: s.Derived(), Close: s.Close}, nil
	},
	"s3+http":  func(ctx context.Context, rest string) (photos, error) { return openS3(ctx, "http://"+rest) },
	"s3+https": func(ctx context.Context, rest string) (photos, error) { return openS3(ctx, "https://"+rest) },
}

// openMongo opens a MongoDB by its connection string, whose path names the database.
func openMongo(scheme string) func(context.Context, string, engineOptions) (engine, error) {
	return func(ctx context.Context, rest string, o engineOptions) (engine, error) {
		uri := scheme + "://" + rest
		parsed, err := url.Parse(uri)
		if err != nil {
			return nil, errAddress.Saying("MongoDB 地址不正确，应为 %s://用户:密码@主机/库名?replicaSet=…", scheme)
		}
		e, err := mongo.Open(ctx, mongo.Options{
			URI: uri, Database: strings.Trim(parsed.Path, "/"), Indexes: indexes(),
			Views: []store.Kind{inspection.Kind, inspection.KindHazard, directory.KindEnterprise, checklist.KindPublication},
		})
		if err != nil {
			return nil, err
		}
		if o.Warn != nil {
			for _, lack := range e.Lacks() {
				o.Warn(lack)
			}
		}
		return e, nil
	}
}

// openS3 opens a bucket at an address such as https://s3.example:9000/bucket?working=…&prefix=…&region=…&retain=8760h&public=https://photos.example&keys=FILE.
// The keys file has the access key in its first line and the secret in its second.
func openS3(ctx context.Context, at string) (photos, error) {
	bad := func(format string, args ...any) (photos, error) { return photos{}, errAddress.Saying(format, args...) }
	u, err := url.Parse(at)
	bucket := ""
	if err == nil {
		bucket = strings.Trim(u.Path, "/")
	}
	if err != nil || u.Host == "" || bucket == "" || strings.Contains(bucket, "/") || u.User != nil {
		return bad("照片库地址不正确，应为 s3+https://主机[:端口]/桶名?keys=密钥文件")
	}
	q := u.Query()
	for name := range q {
		if !slices.Contains([]string{"working", "prefix", "region", "retain", "public", "keys"}, name) {
			return bad("照片库地址中的 %q 不认识；可用的是 working、prefix、region、retain、public、keys", name)
		}
	}
	o := minio.Options{
		Endpoint: u.Scheme + "://" + u.Host, Region: q.Get("region"), Bucket: bucket, Working: q.Get("working"), Prefix: q.Get("prefix"),
		Public: q.Get("public"),
	}
	if v := q.Get("retain"); v != "" {
		if o.Retain, err = time.ParseDuration(v); err != nil || o.Retain < 0 {
			return bad("照片库地址中 retain 应为时长，例如 8760h")
		}
	}
	keys, err := readSecret(q.Get("keys"))
	if err != nil {
		return photos{}, err
	}
	access, secret, ok := strings.Cut(keys, "\n")
	if !ok {
		return bad("密钥文件 %q 应有两行：访问密钥和私密密钥", q.Get("keys"))
	}
	o.AccessKey, o.SecretKey = strings.TrimSpace(access), strings.TrimSpace(secret)
	s, err := minio.Open(ctx, o)
	if err != nil {
		return photos{}, err
	}
	return photos{
		Blobs: s.Blobs(), Staging: s.Staging(), Derived: s.Derived(), Links: s.Links(), Locks: s.Locks(), Close: s.Close,
	}, nil
}

// readSecret reads a small file that holds a secret, without the blanks around it.
func readSecret(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", errAddress.Saying("密钥文件 %q 不能读取", name).Because(err)
	}
	return strings.TrimSpace(string(b)), nil
}

// addressOf is an address, or what the file holds whose name stands behind "@": a password in it is then in no list of
// processes.
func addressOf(at string) (string, error) {
	if name, ok := strings.CutPrefix(at, "@"); ok {
		return readSecret(name)
	}
	return at, nil
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
	return slices.Concat(inspection.Indexes, directory.Indexes, auth.Indexes, httpapi.Indexes, media.Indexes, fieldsync.Indexes)
}

// openEngine opens the engine at an address such as sqlite:///srv/paicha, the folder of the database.
func openEngine(ctx context.Context, at string, o engineOptions) (engine, error) {
	at, err := addressOf(at)
	if err != nil {
		return nil, err
	}
	scheme, rest, ok := strings.Cut(at, "://")
	if open := engines[scheme]; ok && open != nil && rest != "" {
		return open(ctx, rest, o)
	}
	return nil, errAddress.Saying("不认识的文档库地址 %q；可用的是 %s，例如 sqlite:///srv/paicha", redacted(at), schemes(engines))
}

// openPhotos opens the photos at an address such as file:///srv/paicha/photos.
func openPhotos(ctx context.Context, at string) (photos, error) {
	at, err := addressOf(at)
	if err != nil {
		return photos{}, err
	}
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
