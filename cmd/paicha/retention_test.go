package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
)

// TestRetentionCommand: what is over is listed with its reason, what is not is counted, and nothing is changed.
func TestRetentionCommand(t *testing.T) {
	dir := t.TempDir()
	documents, _ := embedded(dir)
	e, err := openEngine(t.Context(), documents, engineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), e, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	ledger := media.NewLedger(st, nil, time.Now)
	closed := time.Now().AddDate(-12, 0, 0)
	put := func(kind store.Kind, id string, body any) {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		tokens := []store.Token{"5325", "sup:5325"}
		if _, err := st.Commit(t.Context(), []store.Write{{New: store.Doc{Ref: store.Ref{Kind: kind, ID: id}, Body: b, Tokens: tokens}}}); err != nil {
			t.Fatal(err)
		}
	}
	photos := map[string]media.SHA256{}
	for id, class := range map[string]inspection.Class{"general": inspection.General, "major": inspection.Major} {
		h := media.Sum([]byte(id))
		photos[id] = h
		put(inspection.KindHazard, id, inspection.Hazard{ID: inspection.HazardID(id), Class: class, Status: inspection.Accepted, AcceptedAt: closed})
		put(fieldsync.KindEvidence, id, media.Evidence{Inspection: id, Arrived: []media.Arrived{{SHA256: h, Size: 7, At: closed}}})
		if err := ledger.Enter(t.Context(), h, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	said := func(code int, want, not []string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		got := retention(t.Context(), args, &out, &errs)
		text := out.String() + errs.String()
		for _, s := range want {
			if !strings.Contains(text, s) {
				t.Errorf("%v: no %q in\n%s", args, s, text)
			}
		}
		for _, s := range not {
			if strings.Contains(text, s) {
				t.Errorf("%v: %q in\n%s", args, s, text)
			}
		}
		if got != code {
			t.Errorf("%v: %d, want %d\n%s", args, got, code, text)
		}
	}
	general, major := photos["general"].String(), photos["major"].String()
	for range 2 {
		said(0, []string{"期限已满的照片 1 张，7 字节", general, "一般案卷：" + closed.In(china).Format("2006年1月2日") + "办结", "重大案卷：记录 1 份，照片 1 张，7 字节", "保全中：记录 0 份"},
			[]string{major}, "--data", dir, "--keep-general", "10y", "--keep-major", "30y")
	}
	said(0, []string{"期限已满的照片 2 张", general, major}, nil, "--store", documents, "--keep-general", "10y", "--keep-major", "11y")
	said(0, []string{"期限已满的照片 0 张"}, []string{general}, "--data", dir)
	said(2, []string{"--keep-major"}, nil, "--data", dir, "--keep-general", "10y", "--keep-major", "3y")
	said(2, []string{"用法"}, nil)
}
