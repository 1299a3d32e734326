package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

// scrubRate is how fast a serving node reads its photos at night, in bytes a second.
const scrubRate = 20 << 20

// scrubHours are when it begins, by the clock of the field.
const scrubFrom, scrubTo = 1, 5

// second is a backup's folder, or another folder of photos, as a source of originals.
type second struct{ dir string }

// Open implements media.Source.
func (s second) Open(_ context.Context, h media.SHA256) (io.ReadSeekCloser, int64, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, 0, media.ErrStorage.Because(err)
	}
	f, err := root.Open(path.Join("blobs", h.String()[:2], h.String()))
	_ = root.Close() // the file stays open
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, media.ErrNotFound
	}
	if err != nil {
		return nil, 0, media.ErrStorage.Because(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(media.ErrStorage.Because(err), f.Close())
	}
	return f, info.Size(), nil
}

// scrubNightly compares all photos with their hashes, at night and once a day.
func (s *server) scrubNightly(ctx context.Context) {
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	for {
		if h := time.Now().In(china).Hour(); h >= scrubFrom && h < scrubTo {
			scrub := media.Scrubber{
				Docs: s.store, Kind: fieldsync.KindEvidence, Blobs: s.blobs, Derived: s.ledger.Derived, Again: s.deriver.Enqueue,
				Rate: scrubRate, Now: time.Now,
			}
			if s.config.BackupDir != "" {
				scrub.Second = second{s.config.BackupDir}
			}
			r, done, err := scrub.Nightly(ctx)
			switch {
			case err != nil:
				s.log.Warn("scrub of photos", "error", err)
			case done && r.Damaged+r.Lost > r.Repaired:
				s.log.Error("photos are damaged or lost", "report", r)
			case done:
				s.log.Info("scrub of photos", "photos", r.Photos, "bytes", r.Bytes, "repaired", r.Repaired, "failed", r.Failed)
			}
			if done {
				s.metrics.Scrubbed(r.Good, r.Damaged+r.Lost-r.Repaired, r.Repaired)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-hour.C:
		}
	}
}

// china is the zone in which people of the field read a clock.
var china = time.FixedZone("UTC+8", 8*3600)

// scrub is "paicha scrub": it compares the photos of a stopped server with their hashes, and puts back what it can.
// Its exit code is 1 if a photo is damaged or lost and was not put back.
func scrub(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("scrub", "paicha scrub --data 数据目录 [--second 备份目录]", stderr)
	data := f.String("data", "", "数据目录；服务须已停止（运行中的服务每夜自行核对）")
	from := f.String("second", "", "备份目录，或另一个照片目录：损坏或丢失的原件从这里恢复；不填则只报告")
	if code, ok := parsed(f, args, stderr); !ok {
		return code
	}
	if *data == "" {
		f.Usage()
		return 2
	}
	documents, album := embedded(*data)
	e, err := openEngine(ctx, documents, engineOptions{ReadOnly: true})
	if err != nil {
		return failed("核对", err, stderr)
	}
	defer func() { _ = e.Close() }() // it was only read
	p, err := openPhotos(ctx, album)
	if err != nil {
		return failed("核对", err, stderr)
	}
	defer func() { _ = p.Close() }() // what was put back is durable by now
	s := media.Scrubber{
		Docs: atRest{e}, Kind: fieldsync.KindEvidence, Blobs: p, Derived: p.Derived, Now: time.Now,
		Tell: func(r media.ScrubReport) { fmt.Fprintf(stderr, "照片 %d 张，%d 字节\n", r.Photos, r.Bytes) },
	}
	if *from != "" {
		s.Second = second{*from}
	}
	r, err := s.Scrub(ctx)
	if err != nil {
		return failed("核对", err, stderr)
	}
	fmt.Fprintf(stdout, "照片证据核对完成：记录 %d 份，照片 %d 张，%d 字节\n完好 %d，损坏 %d，丢失 %d，已恢复 %d，暂时读不出 %d；缩略图缺 %d（需要时自动重做）\n",
		r.Documents, r.Photos, r.Bytes, r.Good, r.Damaged, r.Lost, r.Repaired, r.Failed, r.Pictures)
	for _, d := range r.Damages {
		word := map[media.Found]string{media.FoundDamaged: "损坏", media.FoundLost: "丢失"}[d.Found]
		if d.Repaired {
			word += "，已恢复"
		}
		fmt.Fprintf(stdout, "  %s %s（记录 %s）%s\n", d.SHA256, word, d.Subject, d.Why)
	}
	if r.Damaged+r.Lost > r.Repaired || r.Failed > 0 {
		return 1
	}
	return 0
}

// atRest reads the documents of a stopped server.
type atRest struct{ store.Engine }

// Get implements media.Documents.
func (a atRest) Get(ctx context.Context, refs ...store.Ref) ([]store.Doc, error) {
	return a.Engine.Get(ctx, refs)
}

// Commit implements media.Documents: nothing is written to a stopped server.
func (atRest) Commit(context.Context, []store.Write) ([]store.Outcome, error) {
	return nil, store.ErrUnavailable
}
