package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"paicha/internal/store"
	"paicha/media"
	"paicha/media/heif"
	fieldsync "paicha/sync"
)

// remake is "paicha pictures": what can be made of photos is made again, after it was lost or as a new version makes it.
// An embedded deployment must be stopped; a shared store may be in use.
func remake(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("pictures", "paicha pictures --store 文档库地址 [--blobs 照片库地址] [--again]", stderr)
	at := f.String("store", "", "文档库，例如 sqlite://./data（须已停止服务）")
	blobs := f.String("blobs", "", "照片库，例如 file:///srv/paicha/photos；文档库是 sqlite 时可省略")
	again := f.Bool("again", false, "已有的也重做")
	if code, ok := parsed(f, args, stderr); !ok {
		return code
	}
	documents, album := addresses(*at, *blobs)
	if documents == "" || album == "" {
		f.Usage()
		return 2
	}
	p := pictures{again: *again, told: func(n int) { fmt.Fprintf(stderr, "照片 %d\n", n) }}
	if err := p.all(ctx, documents, album); err != nil {
		return failed("重做", err, stderr)
	}
	fmt.Fprintf(stdout, "照片 %d 张：已有 %d，新做 %d，无法生成预览 %d，原件缺失 %d\n", p.seen, p.had, p.made, p.none, p.absent)
	return 0
}

// pictures counts what came of the photos.
type pictures struct {
	again                         bool
	told                          func(int)
	seen, had, made, none, absent int
}

func (p *pictures) all(ctx context.Context, documents, album string) (err error) {
	e, err := openEngine(ctx, documents, engineOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	files, err := openPhotos(ctx, album)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	s, err := store.Open(ctx, e, storeOptions())
	if err != nil {
		return err
	}
	service := &fieldsync.Service{Store: s, Now: time.Now, Prints: &media.Prints{Docs: s, Now: time.Now}}
	d := &media.Deriver{Blobs: files.Blobs, Derived: files.Derived, Printed: service.Printed}
	if heic, ok := heif.Find(); ok {
		d.HEIC = heic
	}
	return service.EachPhoto(ctx, func(_ string, a media.Arrived) error { return p.one(ctx, service.Prints, d, a.SHA256) })
}

// one makes what a photo lacks.
func (p *pictures) one(ctx context.Context, prints *media.Prints, d *media.Deriver, h media.SHA256) error {
	if p.seen++; p.seen%1000 == 0 {
		p.told(p.seen)
	}
	settled, err := prints.Settled(ctx, h)
	if err != nil {
		return err
	}
	if settled && !p.again && p.there(ctx, d, h) {
		p.had++
		return nil
	}
	switch err := d.Make(ctx, h); {
	case err == nil:
		p.made++
	case errors.Is(err, media.ErrNoPreview):
		p.none++
	case errors.Is(err, media.ErrNotFound):
		p.absent++
	default:
		return err
	}
	return nil
}

// there reports whether both pictures are there.
func (p *pictures) there(ctx context.Context, d *media.Deriver, h media.SHA256) bool {
	for _, size := range media.SizeNames() {
		r, _, err := d.Derived.OpenDerived(ctx, h, size)
		if err != nil || r.Close() != nil {
			return false
		}
	}
	return true
}
