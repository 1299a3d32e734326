package sync_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	fieldsync "paicha/sync"
)

func gotOf(b []byte) fieldsync.Got {
	sum := sha256.Sum256(b)
	return fieldsync.Got{Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

func TestGotSkipsOnlyWhatIsTheSame(t *testing.T) {
	whole := []byte("an answer")
	for n := range len(whole) {
		if skip := gotOf(whole[:n]).Skip(whole); skip != n {
			t.Errorf("%d bytes of it: %d skipped", n, skip)
		}
	}
	for name, g := range map[string]fieldsync.Got{
		"nothing":       {},
		"all of it":     gotOf(whole),
		"more":          gotOf([]byte("an answer, longer")),
		"other bytes":   gotOf([]byte("another")),
		"less than 0":   {Bytes: -1, SHA256: gotOf(nil).SHA256},
		"no hash":       {Bytes: 3},
		"a longer hash": {Bytes: 3, SHA256: gotOf(whole[:3]).SHA256 + "00"},
		"beyond an int": {Bytes: 1 << 62, SHA256: gotOf(whole).SHA256},
	} {
		if skip := g.Skip(whole); skip != 0 {
			t.Errorf("%s: %d skipped", name, skip)
		}
	}
}

func (p *place) page(s fieldsync.Session, r fieldsync.PullRequest) []byte {
	p.t.Helper()
	b, err := p.sync.Pull(context.Background(), s, r)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// TestPageIsTheSameWhenAskedAgain is what lets a broken one go on: an answer tells nothing of when it was made, and
// nothing of what others do elsewhere.
func TestPageIsTheSameWhenAskedAgain(t *testing.T) {
	p := newPlace(t)
	wang, far := inspector("wang", "532504/coal-mine"), inspector("far", "532501/coal-mine")
	for i := range 3 {
		id := insp1[:len(insp1)-1] + string(rune('1'+i))
		want(t, p.push(wang, mutation(i+1, "inspection.save", "inspection", id, 0, p.now, saveArgs(t, methane)))[0], fieldsync.Applied, "")
	}
	first := fieldsync.PullRequest{Limit: 2}
	begun := p.page(wang, first)
	next := fieldsync.PullRequest{Cursor: cursorIn(t, begun), Limit: 1}
	second := p.page(wang, next)

	p.now = p.now.Add(20 * time.Second)
	elsewhere := strings.NewReplacer("532504", "532501", `"wang"`, `"far"`).Replace(saveArgs(t, methane))
	want(t, p.push(far, mutation(1, "inspection.save", "inspection", insp1[:len(insp1)-1]+"9", 0, p.now, elsewhere))[0], fieldsync.Applied, "")

	if again := p.page(wang, next); string(again) != string(second) {
		t.Errorf("first\n%s\nthen\n%s", second, again)
	}
	documents := begun[:strings.Index(string(begun), `"cursor"`)] // of a snapshot that begins: the mark is the store's of that moment
	if again := p.page(wang, first); gotOf(documents).Skip(again) == 0 {
		t.Errorf("first\n%s\nthen\n%s", begun, again)
	}
}

// TestRestIsOfWhatMayBeReadNow ends a right between the two halves of an answer, wherever it broke: what the tablet then
// has is what it would be sent whole, and not a byte of the rest is of what it may not see any more.
func TestRestIsOfWhatMayBeReadNow(t *testing.T) {
	p := newPlace(t)
	wang := inspector("wang", "532504/coal-mine")
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, saveArgs(t, methane)))[0], fieldsync.Applied, "")
	chief := supervisor("chief", "5325")
	chief.User.Grants = append(chief.User.Grants, directory.Grant{Token: "5326", Role: directory.RoleSupervisor})
	r := fieldsync.PullRequest{Limit: 100}
	before := p.page(chief, r)
	if !strings.Contains(string(before), insp1) {
		t.Fatal("the record is not in the page")
	}
	chief.User.Grants = slices.DeleteFunc(chief.User.Grants, func(g directory.Grant) bool { return g.Token == store.Token("5325") })
	now := p.page(chief, r)
	if strings.Contains(string(now), insp1) {
		t.Fatal("the record is still in the page")
	}
	for n := range before {
		skip := gotOf(before[:n]).Skip(now)
		if got := string(before[:skip]) + string(now[skip:]); skip > 0 && (skip != n || got != string(now)) {
			t.Fatalf("broken at %d, going on at %d: %s", n, skip, got)
		}
	}
}

func cursorIn(t *testing.T, page []byte) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(page), `"cursor":"`)
	cursor, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no cursor in %s", page)
	}
	return cursor
}
