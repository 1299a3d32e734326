package client

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json/jsontext"
)

func change(id, rev, via string) string {
	return `{"kind":"hazard","id":"` + id + `","rev":` + rev + `,"via":["` + strings.ReplaceAll(via, " ", `","`) + `"],"body":{"v":` + rev + `}}`
}

func answer(changes, rest string) page {
	return page{Epoch: "e1", Response: jsontext.Value(`{"changes":[` + changes + `],` + rest + `}`)}
}

func held(r *Replica) string {
	var out []string
	for _, d := range r.Docs() {
		via := make([]string, len(d.Via))
		for i, v := range d.Via {
			via[i] = string(v)
		}
		out = append(out, d.ID+"="+string(d.Body)+strings.Join(via, "+"))
	}
	return strings.Join(out, " ")
}

func TestReplica(t *testing.T) {
	fresh := func(p page) page { p.Fresh = true; return p }
	keep := func(p page, id string) page {
		p.Keep = []fieldsync.DocRef{{Kind: "hazard", ID: id}}
		return p
	}
	start := fresh(answer(change("a", "2", "x")+","+change("b", "5", "x y"), `"cursor":"1","more":false`))
	for name, tc := range map[string]struct {
		pages []page
		want  string
	}{
		"NewerRevReplaces":          {[]page{answer(change("a", "3", "x"), `"cursor":"2"`)}, `a={"v":3}x b={"v":5}x+y`},
		"OlderRevIsIgnored":         {[]page{answer(change("a", "1", "x"), `"cursor":"2"`)}, `a={"v":2}x b={"v":5}x+y`},
		"SameRevReplacesVia":        {[]page{answer(change("a", "2", "z"), `"cursor":"2"`)}, `a={"v":2}z b={"v":5}x+y`},
		"AbsenceMeansNothing":       {[]page{answer("", `"cursor":"2"`)}, `a={"v":2}x b={"v":5}x+y`},
		"RemovedDrops":              {[]page{answer(`{"kind":"hazard","id":"a","rev":3,"removed":"left"}`, `"cursor":"2"`)}, `b={"v":5}x+y`},
		"ForgetDropsWhatIsHeldOnly": {[]page{answer("", `"forget":["x"],"cursor":"2"`)}, `b={"v":5}y`},
		"ForgetSparesWaitingWork":   {[]page{keep(answer("", `"forget":["x"],"cursor":"2"`), "a")}, `a={"v":2} b={"v":5}y`},
		"SpareEndsWithTheWork": {
			[]page{keep(answer("", `"forget":["x"],"cursor":"2"`), "a"), answer("", `"forget":["q"],"cursor":"3"`)},
			`b={"v":5}y`,
		},
		"ResetKeepsUntilDone": {[]page{answer(change("b", "1", "x"), `"cursor":"2","more":true,"reset":true`)}, `a={"v":2}x b={"v":1}x`},
		"SnapshotDoneDropsUnnamed": {[]page{
			answer(change("b", "1", "x"), `"cursor":"2","more":true,"reset":true`),
			answer("", `"snapshotDone":["x"],"cursor":"3","more":true`),
		}, `b={"v":1}x`},
		"SnapshotEndDropsLostGrants": {[]page{answer("", `"cursor":"2","more":false,"reset":true,"snapshotDone":["q"]`)}, ``},
		"SnapshotSparesWaitingWork":  {[]page{keep(answer("", `"cursor":"2","reset":true`), "a")}, `a={"v":2}`},
		"BackfillDropsNothingNamed":  {[]page{answer(change("c", "1", "z"), `"snapshotDone":["z","x"],"cursor":"2"`)}, `a={"v":2}x b={"v":5}x+y c={"v":1}z`},
		"SamePageTwice": {
			[]page{answer(change("a", "3", "x"), `"cursor":"2"`), answer(change("a", "3", "x"), `"cursor":"2"`)},
			`a={"v":3}x b={"v":5}x+y`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "replica")
			r, err := openReplica(osDisk{}, path)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range append([]page{start}, tc.pages...) {
				if _, err := r.apply(p); err != nil {
					t.Fatal(err)
				}
			}
			if got := held(r); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			state := r.state
			if err := r.j.rewrite(r.records()); err != nil {
				t.Fatal(err)
			}
			if err := r.close(); err != nil {
				t.Fatal(err)
			}
			if r, err = openReplica(osDisk{}, path); err != nil || held(r) != tc.want || r.state != state {
				t.Errorf("compacted and opened again: %s %+v %v", held(r), r.state, err)
			}
			if err := r.close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A crash anywhere in the writing of a page leaves the cursor of the page before it, or has both page and cursor.
func TestReplicaCursorIsNeverAheadOfItsData(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "replica")
	r, err := openReplica(osDisk{}, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []page{answer(change("a", "1", "x"), `"cursor":"1"`), answer(change("b", "1", "x"), `"cursor":"2"`)} {
		if _, err := r.apply(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"": "", "1": `a={"v":1}x`, "2": `a={"v":1}x b={"v":1}x`}
	for n := len(journalMagic); n <= len(whole); n++ {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := openReplica(osDisk{}, path)
		if err != nil {
			t.Fatal(err)
		}
		if got := held(r); got != want[r.Cursor()] {
			t.Fatalf("cut at %d: cursor %q with %s", n, r.Cursor(), got)
		}
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReplicaRefusesAnAnswerThatIsCut(t *testing.T) {
	r, err := openReplica(osDisk{}, filepath.Join(t.TempDir(), "replica"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.apply(page{Response: jsontext.Value(`{"changes":[`)}); !errors.Is(err, ErrAnswer) || r.Cursor() != "" {
		t.Error(err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}
