package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/audit"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json/jsontext"
)

// TestHistoriesOfTheDomainAreLogged holds the log's table of kinds to what the domain writes.
func TestHistoriesOfTheDomainAreLogged(t *testing.T) {
	at := time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)
	events := []inspection.Event{{At: at, By: "wang", Command: inspection.CmdSave}, {At: at, By: "li", Command: inspection.CmdSign, Note: "现场"}}
	record, _, err := inspection.Encode(&inspection.Inspection{ID: "i", History: events, Remarks: []inspection.Remark{{Text: "内部"}}})
	if err != nil {
		t.Fatal(err)
	}
	hazard, _, err := inspection.EncodeHazard(&inspection.Hazard{ID: "h", History: events})
	if err != nil {
		t.Fatal(err)
	}
	e := media.Evidence{Inspection: "i"}
	for _, name := range []string{"a", "b"} {
		e, _ = e.Receive(media.Arrived{SHA256: media.Sum([]byte(name)), Size: 1, At: at, By: "wang", Device: "d"})
	}
	before, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	e.Arrived[0].Marks = []media.Mark{{Code: "no_exif", Text: "没有拍摄信息"}} // found out later
	marked, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for kind, bodies := range map[store.Kind][][]byte{inspection.Kind: {record}, inspection.KindHazard: {hazard}, fieldsync.KindEvidence: {before, marked}} {
		var first []jsontext.Value
		for _, body := range bodies {
			entries, err := audit.History(kind, body)
			if err != nil || len(entries) != 2 {
				t.Fatalf("%s: %d entries, %v", kind, len(entries), err)
			}
			if first == nil {
				first = entries
			}
			if !slices.EqualFunc(first, entries, func(a, b jsontext.Value) bool { return bytes.Equal(a, b) }) {
				t.Errorf("%s: what was found out later is in the history: %s", kind, entries)
			}
		}
	}
}

// TestLogKeyIsMadeOnce at the first start in the data folder, and never where a file was named.
func TestLogKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	if code := auditLog(t.Context(), []string{"key", "--data", dir}, &out, &errs); code != 1 {
		t.Errorf("a key of an empty folder: %d %s", code, &out)
	}
	if _, err := auditKey(filepath.Join(dir, "named.key"), dir); !errors.Is(err, audit.ErrKeyFile) {
		t.Error(err)
	}
	made, err := auditKey("", dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := auditKey("", dir)
	if err != nil || again.Verifier != made.Verifier {
		t.Error(again, err)
	}
	info, err := os.Stat(filepath.Join(dir, logKeyName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	out.Reset()
	if code := auditLog(t.Context(), []string{"key", "--data", dir}, &out, &errs); code != 0 || strings.TrimSpace(out.String()) != made.Verifier {
		t.Errorf("%d %s", code, &out)
	}
	if err := os.WriteFile(filepath.Join(dir, logKeyName), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := auditKey("", dir); !errors.Is(err, audit.ErrKeyFile) {
		t.Error(err)
	}
}

// TestResignAfterAChangeOfTheKey: until then a server with the new key appends nothing.
func TestResignAfterAChangeOfTheKey(t *testing.T) {
	dir := t.TempDir()
	old, err := auditKey("", dir)
	if err != nil {
		t.Fatal(err)
	}
	// within does something in the store of the folder, as a server that is stopped afterwards.
	within := func(do func(*store.Store) error) error {
		t.Helper()
		e, err := openEngine(t.Context(), "sqlite://"+dir, engineOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		s, err := store.Open(t.Context(), e, storeOptions())
		if err != nil {
			t.Fatal(err)
		}
		return do(s)
	}
	sequence := func(k *audit.Key) error {
		return within(func(s *store.Store) error {
			q := audit.Sequencer{Docs: s, Key: k, Now: time.Now}
			for {
				if more, err := q.Step(t.Context()); err != nil || !more {
					return err
				}
			}
		})
	}
	var out, errs bytes.Buffer
	if code := auditLog(t.Context(), []string{"resign", "--data", dir}, &out, &errs); code != 1 || !strings.Contains(errs.String(), audit.ErrEmpty.Message) {
		t.Errorf("an empty log: %d %s", code, &errs)
	}
	if err := within(func(s *store.Store) error {
		_, err := s.Commit(t.Context(), []store.Write{{New: store.Doc{Ref: store.Ref{Kind: "hazard", ID: "h"}, Body: []byte(`{"history":[{"by":"wang"}]}`)}}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := sequence(old); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "new.key")
	secret, err := audit.NewKey(random)
	if err == nil {
		err = os.WriteFile(file, []byte(secret), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := auditKey(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := sequence(fresh); !errors.Is(err, audit.ErrKey) {
		t.Errorf("appended with another key: %v", err)
	}
	out.Reset()
	if code := auditLog(t.Context(), []string{"resign", "--data", dir, "--log-key-file", file}, &out, &errs); code != 0 || !strings.Contains(out.String(), fresh.Verifier) {
		t.Fatalf("%d %s %s", code, &out, &errs)
	}
	if err := sequence(fresh); err != nil {
		t.Error(err)
	}
	if err := sequence(old); !errors.Is(err, audit.ErrKey) {
		t.Errorf("the old key is still good: %v", err)
	}
}
