package checklist

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/internal/store/sqlite"
)

// shelves opens n nodes on one store.
func shelves(t *testing.T, n int) []*Shelf {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "paicha.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	ids := 0
	st, err := store.Open(t.Context(), engine, store.Options{
		Now: func() time.Time { return noon }, Elapsed: func() time.Duration { return 0 },
		NewID: func() string { ids++; return fmt.Sprint("w", ids) },
	})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*Shelf, n)
	for i := range out {
		out[i] = &Shelf{Store: st, Now: func() time.Time { return noon }, Tokens: func(ss []Sector) []store.Token {
			return []store.Token{store.Token("pack:" + ss[0])}
		}}
	}
	return out
}

var noon = time.Date(2023, 6, 15, 4, 0, 0, 0, time.UTC)

func refs(l *Library) string {
	var out []string
	for _, e := range l.Entries() {
		out = append(out, fmt.Sprintf("%s %s–%s %s", e.Ref, e.From, e.Until, e.SupersededBy))
	}
	return fmt.Sprint(out)
}

func TestShelfPublishes(t *testing.T) {
	ctx := t.Context()
	both := shelves(t, 2)
	here, there := both[0], both[1]
	one, two := small(t, "1", "old", 2, General), small(t, "2", "new", 1, Major)
	if err := here.Publish(ctx, one, "2018-01-01", "", "zhang"); err != nil {
		t.Fatal(err)
	}
	t.Run("AnotherNodeSeesItAfterRefresh", func(t *testing.T) {
		if _, err := there.Get("small@1"); !errors.Is(err, ErrPackUnknown) {
			t.Error(err)
		}
		if err := there.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if p, err := there.Get("small@1"); err != nil || p.Hash() != one.Hash() {
			t.Error(err)
		}
	})
	t.Run("AnotherNodeSupersedes", func(t *testing.T) {
		if err := there.Publish(ctx, two, "2021-01-01", "", "li"); err != nil {
			t.Fatal(err)
		}
		if got := refs(there.Library()); got != "[small@1 2018-01-01–2021-01-01 small@2 small@2 2021-01-01– ]" {
			t.Error(got)
		}
	})
	t.Run("TheSameAgainIsNothing", func(t *testing.T) {
		before, err := here.Store.One(ctx, store.Ref{Kind: KindPublication, ID: "small@2"})
		if err != nil {
			t.Fatal(err)
		}
		if err := here.Publish(ctx, two, "2021-01-01", "", "li"); err != nil {
			t.Fatal(err)
		}
		if after, err := here.Store.One(ctx, before.Ref); err != nil || after.Rev != before.Rev {
			t.Error(after.Rev, err)
		}
	})
	t.Run("OtherContentIsRefused", func(t *testing.T) {
		if err := here.Publish(ctx, small(t, "1", "old", 3, General), "2019-01-01", "", "li"); !errors.Is(err, ErrImmutable) {
			t.Error(err)
		}
	})
	t.Run("TheSameFirstDayIsRefused", func(t *testing.T) {
		if err := here.Publish(ctx, small(t, "3", "new", 3, General), "2021-01-01", "", "li"); !errors.Is(err, ErrValidity) {
			t.Error(err)
		}
		if _, err := here.Get("small@3"); !errors.Is(err, ErrPackUnknown) {
			t.Error(err)
		}
	})
	t.Run("BetweenTwoVersions", func(t *testing.T) {
		if err := here.Publish(ctx, small(t, "1.5", "new", 3, General), "2019-06-01", "", "li"); err != nil {
			t.Fatal(err)
		}
		want := "[small@1 2018-01-01–2019-06-01 small@1.5 small@1.5 2019-06-01–2021-01-01 small@2 small@2 2021-01-01– ]"
		if got := refs(here.Library()); got != want {
			t.Error(got)
		}
	})
	t.Run("Ends", func(t *testing.T) {
		if err := here.End(ctx, "small@2", "2020-01-01", "li"); !errors.Is(err, ErrValidity) {
			t.Error(err)
		}
		if err := here.End(ctx, "small@9", "2024-01-01", "li"); !errors.Is(err, ErrPackUnknown) {
			t.Error(err)
		}
		for range 2 {
			if err := here.End(ctx, "small@2", "2024-01-01", "li"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := here.Library().Current("coal-mine", "2024-01-01"); !errors.Is(err, ErrNoCurrentPack) {
			t.Error(err)
		}
		if p, err := here.Get("small@2"); err != nil || p.Hash() != two.Hash() {
			t.Error("what has ended stays judgeable", err)
		}
	})
}

func TestShelfPublishingCutShortIsCompleted(t *testing.T) {
	ctx := t.Context()
	s := shelves(t, 1)[0]
	one, two := small(t, "1", "old", 2, General), small(t, "2", "new", 1, Major)
	if err := s.Publish(ctx, one, "2018-01-01", "", "li"); err != nil {
		t.Fatal(err)
	}
	entry := publication{Ref: two.Ref(), Sectors: two.Sectors, Hash: two.Hash(), From: "2021-01-01"}
	if err := s.insert(ctx, two, &entry); err != nil { // and then the power went
		t.Fatal(err)
	}
	if err := s.Publish(ctx, two, "2021-01-01", "", "li"); err != nil {
		t.Fatal(err)
	}
	if got := refs(s.Library()); got != "[small@1 2018-01-01–2021-01-01 small@2 small@2 2021-01-01– ]" {
		t.Error(got)
	}
}

func TestShelfStandards(t *testing.T) {
	ctx := t.Context()
	s := shelves(t, 1)[0]
	std := &Standard{ID: "new", Title: "标准", Effective: "2021-01-01", Sectors: []Sector{"coal-mine"}, Clauses: []Clause{{Clause: "第一条", Criterion: "情形"}}}
	if err := s.EndStandard(ctx, "new", "2023-01-01", "", "li"); !errors.Is(err, ErrStandardUnknown) {
		t.Error(err)
	}
	if err := errors.Join(
		s.PutStandard(ctx, std, "li"),
		s.Publish(ctx, small(t, "1", "new", 2, General), "2021-01-01", "", "li"),
		s.Publish(ctx, small(t, "2", "newer", 1, Major), "2023-01-01", "", "li"),
	); err != nil {
		t.Fatal(err)
	}
	answers := []Answer{{Item: "n", Number: ptr(1.5), Unit: "%"}}
	if j, err := s.Judge("small@1", "2023-05-15", answers, nil); err != nil || j.Second != nil || len(j.Flags) != 0 {
		t.Fatalf("the standard is still in force: %+v %v", j, err)
	}
	if err := s.EndStandard(ctx, "new", "2020-01-01", "newer", "li"); !errors.Is(err, ErrValidity) {
		t.Error(err)
	}
	if err := s.EndStandard(ctx, "new", "2023-01-01", "newer", "li"); err != nil {
		t.Fatal(err)
	}
	j, err := s.Judge("small@1", "2023-05-15", answers, nil)
	if err != nil || j.SecondRef != "small@2" || len(j.Flags) != 1 || j.Flags[0].Class != Major {
		t.Errorf("a standard that ended after the pack was published: %+v %v", j, err)
	}
	if j, err := s.Judge("small@1", "2022-05-15", answers, nil); err != nil || j.Second != nil {
		t.Errorf("the day decides, not the day of judging: %+v %v", j, err)
	}
}

func TestShelfSeedsOnce(t *testing.T) {
	ctx := t.Context()
	s := shelves(t, 1)[0]
	c, err := EmbeddedCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Seed(ctx, c); err != nil {
		t.Fatal(err)
	}
	if got := len(s.Entries()); got != len(c.publications) || len(s.Standards().All()) != len(c.standards) {
		t.Fatalf("%d versions, %d standards", got, len(s.Standards().All()))
	}
	for _, e := range s.Entries() {
		p, err := s.Get(e.Ref)
		if err != nil || p.Hash() != e.Hash {
			t.Errorf("%s: %v", e.Ref, err)
		}
	}
	if err := s.EndStandard(ctx, "coal-mine-2020", "2026-01-01", "", "li"); err != nil {
		t.Fatal(err)
	}
	again := &Shelf{Store: s.Store, Now: s.Now, Tokens: s.Tokens}
	c.fsys = nil // nothing may be read: it is all here
	if err := again.Seed(ctx, c); err != nil {
		t.Fatal(err)
	}
	if got := again.Standards().Standard("coal-mine-2020").Ended; got != "2026-01-01" {
		t.Errorf("what a person changed must stay: %q", got)
	}
}

func TestShelfDrafts(t *testing.T) {
	ctx := t.Context()
	s := shelves(t, 1)[0]
	one := small(t, "1", "new", 2, General)
	for range 2 {
		if err := s.SaveDraft(ctx, one, "小清单.xlsx", "li"); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Drafts(ctx)
	if err != nil || len(list) != 1 || list[0].Pack.Hash() != one.Hash() || list[0].By != "li" {
		t.Fatalf("%+v %v", list, err)
	}
	if err := s.DropDraft(ctx, one.Hash()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Draft(ctx, one.Hash()); !errors.Is(err, ErrDraftUnknown) {
		t.Error(err)
	}
	if err := s.DropDraft(ctx, one.Hash()); !errors.Is(err, ErrDraftUnknown) {
		t.Error(err)
	}
	if list, err := s.Drafts(ctx); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

func TestDiff(t *testing.T) {
	old, next := small(t, "1", "old", 2, Major), small(t, "2", "old", 3, General)
	if cs, err := Diff(old, old); err != nil || len(cs) != 0 {
		t.Fatalf("%+v %v", cs, err)
	}
	cs, err := Diff(old, next)
	if err != nil {
		t.Fatal(err)
	}
	var rule *Change
	for i := range cs {
		if cs[i].What == "rule" {
			rule = &cs[i]
		}
	}
	if rule == nil || rule.Did != "changed" || !rule.Weaker {
		t.Fatalf("a higher limit and a lower class must be looked at: %+v", cs)
	}
	fields := map[string]string{}
	for _, f := range rule.Fields {
		fields[f.Field] = string(f.Old) + " → " + string(f.New)
	}
	if fields["class"] != `"major" → "general"` || fields["threshold"] == "" {
		t.Error(fields)
	}
	if cs, err := Diff(nil, next); err != nil || len(cs) == 0 || cs[0].Did != "added" {
		t.Errorf("%+v %v", cs, err)
	}
}
