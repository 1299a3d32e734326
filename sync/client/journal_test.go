package client

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func records(t testing.TB, path string) ([]string, error) {
	t.Helper()
	var got []string
	j, err := openJournal(osDisk{}, path, func(b []byte) error { got = append(got, string(b)); return nil })
	if err != nil {
		return got, err
	}
	return got, j.close()
}

func journalOf(t testing.TB, payloads ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j")
	j, err := openJournal(osDisk{}, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range payloads {
		if err := j.append([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestJournalCutsATornTailAtEveryByte(t *testing.T) {
	whole := journalOf(t, `{"a":1}`, `{"b":"中文"}`)
	first := len(journalOf(t, `{"a":1}`))
	path := filepath.Join(t.TempDir(), "torn")
	for n := first; n < len(whole); n++ {
		for _, zeros := range []int{0, 40} { // some file systems leave zeros where data was to be
			if err := os.WriteFile(path, append(bytes.Clone(whole[:n]), make([]byte, zeros)...), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := records(t, path); err != nil || len(got) != 1 {
				t.Fatalf("cut at %d with %d zeros: %v, %v", n, zeros, got, err)
			}
			j, err := openJournal(osDisk{}, path, func([]byte) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(j.append([]byte(`{"c":1}`)), j.close()); err != nil {
				t.Fatal(err)
			}
			if got, err := records(t, path); err != nil || len(got) != 2 || got[1] != `{"c":1}` {
				t.Fatalf("after the cut at %d: %v, %v", n, got, err)
			}
		}
	}
}

func TestJournalLeavesDamageInTheMiddleAlone(t *testing.T) {
	whole := journalOf(t, `{"a":1}`, `{"b":2}`, `{"c":3}`)
	path := filepath.Join(t.TempDir(), "j")
	for i := range len(journalOf(t, `{"a":1}`, `{"b":2}`)) {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x40
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := records(t, path); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d: %v", i, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, bad) {
			t.Fatalf("byte %d: the file was changed: %v", i, err)
		}
	}
}

func TestJournalCompactionThatDidNotEndIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	for name, b := range map[string][]byte{path: journalOf(t, `{"a":1}`), path + ".new": []byte("half")} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := records(t, path); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
}

func FuzzOutbox(f *testing.F) {
	f.Add(journalOf(f, `{"chain":{"n":3,"prev":"x"}}`, `{"epoch":"e"}`))
	f.Add(journalOf(f, `{"mutation":{"id":"m","n":1,"raw":"e30="}}`, `{"verdicts":[{"id":"m","status":"applied","next":"remove"}]}`,
		`{"contact":{"epoch":"e","time":"2024-01-01T00:00:00Z"}}`))
	f.Add([]byte(journalMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := newOutbox()
		n, err := readRecords(b, o.read)
		if err != nil {
			return
		}
		again := newOutbox()
		if m, err := readRecords(b[:n], again.read); err != nil || m != n || len(again.queue) != len(o.queue) {
			t.Fatalf("the good part reads as %d of %d, %v", m, n, err)
		}
	})
}
