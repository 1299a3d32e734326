package sync_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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

// TestPagesOfASnapshotStandWhileOthersWrite has a colleague begin a record of the same county between the two halves of a page:
// it is the same page, and the new record comes soon, before a long snapshot has ended.
func TestPagesOfASnapshotStandWhileOthersWrite(t *testing.T) {
	p := newPlace(t)
	wang := inspector("wang", "532504/coal-mine")
	record := func(n int) string { return fmt.Sprintf("018f0000-0000-7000-8000-%012d", n) }
	begin := func(n int) {
		t.Helper()
		want(t, p.push(wang, mutation(n, "inspection.save", "inspection", record(n), 0, p.now, saveArgs(t, methane)))[0], fieldsync.Applied, "")
	}
	const some = 70
	for n := range some {
		begin(n + 1)
	}
	first := p.page(wang, fieldsync.PullRequest{Limit: 8})
	r := fieldsync.PullRequest{Cursor: cursorIn(t, first), Limit: 8}
	page := p.page(wang, r)
	begin(some + 1)
	if again := p.page(wang, r); string(again) != string(page) {
		t.Errorf("first\n%s\nthen\n%s", page, again)
	}
	pages, came, named := 1, 0, map[string]bool{}
	for more := true; more; pages++ {
		var got fieldsync.PullResponse
		if err := json.Unmarshal(p.page(wang, r), &got); err != nil || got.Reset || pages > 40 {
			t.Fatal(pages, got.Reset, err)
		}
		for _, c := range got.Changes {
			named[c.ID] = true
			if c.ID == record(some+1) && came == 0 {
				came = pages
			}
		}
		r.Cursor, more = got.Cursor, got.More
	}
	if came == 0 || came > 5 || pages < 8 {
		t.Errorf("of %d pages the new record is in number %d", pages, came)
	}
	for n := range some + 1 {
		if !named[record(n+1)] && !strings.Contains(string(first), record(n+1)) {
			t.Errorf("record %d never came", n+1)
		}
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
