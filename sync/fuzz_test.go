package sync_test

import (
	"context"
	"testing"

	"paicha/internal/auth"
	fieldsync "paicha/sync"
)

func FuzzDecodePush(f *testing.F) {
	for _, s := range []string{`{"mutations":[{"id":"x"},1,null]}`, `{"mutations":[{"a":1,"a":2}]}`, "{\"mutations\":[{\"id\":\"\xff\"}]}", `[`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := fieldsync.DecodePush(body, fieldsync.DefaultLimits)
		if err == nil && len(r.Mutations) > fieldsync.DefaultLimits.PushMutations {
			t.Error("more mutations than the limit")
		}
	})
}

func FuzzCursor(f *testing.F) {
	p := newPlace(f)
	wang := inspector("wang", "532504/coal-mine")
	good, _ := p.pull(wang, "")
	for _, s := range []string{good.Cursor, good.Cursor[:len(good.Cursor)-1], "1.", "1.AAAA", "nonsense", ""} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, cursor string) {
		// Whatever comes in, the answer is a page or a fault, and never a panic.
		_, _ = p.sync.Pull(context.Background(), wang, fieldsync.PullRequest{Cursor: cursor})
	})
}

func TestEveryCommandHasAPolicyRow(t *testing.T) {
	for _, name := range fieldsync.Commands() {
		if !auth.HasRow(auth.Action(name)) {
			t.Errorf("%s has no row in the policy table", name)
		}
	}
}
