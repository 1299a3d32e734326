package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

// TestPicturesOfWhatIsThereAlready enters a photo as a server did that knew nothing of prints, and makes its pictures.
func TestPicturesOfWhatIsThereAlready(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	at := "sqlite://" + dir
	photo, err := os.ReadFile("../../media/testdata/corpus/jpeg-called.pdf")
	if err != nil {
		t.Fatal(err)
	}
	h, lost := media.Sum(photo), media.Sum([]byte("lost"))
	e, err := openEngine(ctx, at, engineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(ctx, e, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(media.Evidence{Inspection: "i", Arrived: []media.Arrived{{SHA256: h, At: time.Now()}, {SHA256: lost, At: time.Now()}}})
	if err != nil {
		t.Fatal(err)
	}
	outs, err := s.Commit(ctx, []store.Write{{New: store.Doc{
		Ref: store.Ref{Kind: fieldsync.KindEvidence, ID: "i"}, Body: body, Tokens: directory.SupervisorTokens("532504", []directory.SectorID{"coal-mine"}),
	}}})
	if err != nil || outs[0].Status != store.OK {
		t.Fatal(outs, err)
	}
	files, err := openPhotos(ctx, "file://"+filepath.Join(dir, "photos"))
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Put(ctx, h, int64(len(photo)), bytes.NewReader(photo)); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"已有 0，新做 1", "已有 1，新做 0", "已有 0，新做 1"} {
		args := []string{"pictures", "--store", at}
		if i == 2 {
			args = append(args, "--again")
		}
		if r := runs(args...); r.code != 0 || !strings.Contains(r.stdout, want) || !strings.Contains(r.stdout, "缺失 1") {
			t.Fatalf("%+v, want %s", r, want)
		}
	}
}
