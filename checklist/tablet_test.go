package checklist

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const judgeTool = "../tools/judge"

// tablet is the judge of tools/judge in a Node process of its own. Each trial is judged there and here at once, and the
// two verdicts must be the same bytes.
type tablet struct {
	t       testing.TB
	stdin   io.WriteCloser
	in      *bufio.Writer
	packs   map[*Pack]int
	sent    chan sent
	done    chan struct{} // closed when every verdict was compared
	trials  int
	differs int
}

type sent struct {
	trial   trial
	verdict []byte
}

func startTablet(t *testing.T) *tablet {
	t.Helper()
	// Reading the sources here makes a change of them known to the cache of go test, which sees what Go opens only.
	sources, err := filepath.Glob(judgeTool + "/*.mjs")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources in ", judgeTool, err)
	}
	for _, name := range append(sources, judgeTool+"/package-lock.json") {
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(judgeTool + "/node_modules/@marcbachmann/cel-js"); err != nil {
		t.Fatal("run npm ci in tools/judge first, or make test, which does: ", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("install Node 20 or later: the verdicts are compared with those of tools/judge: ", err)
	}
	cmd := exec.CommandContext(t.Context(), node, judgeTool+"/lines.mjs")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tb := &tablet{
		t: t, stdin: stdin, in: bufio.NewWriterSize(stdin, 1<<16), packs: map[*Pack]int{},
		sent: make(chan sent, 4096), done: make(chan struct{}),
	}
	go tb.compare(bufio.NewReaderSize(stdout, 1<<20))
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("the judge of the tablet ended: %v\n%s", err, &stderr)
		}
	})
	return tb
}

// judge judges a trial here and sends it there.
func (tb *tablet) judge(tr trial) Verdict {
	v := tr.pack.Judge(tr.day, tr.answers, tr.facts)
	of, ok := tb.packs[tr.pack]
	if !ok {
		of = len(tb.packs)
		tb.packs[tr.pack] = of
		tb.write(map[string]*Pack{"pack": tr.pack})
	}
	tb.write(struct {
		Of      int      `json:"of"`
		Day     Day      `json:"day"`
		Facts   Facts    `json:"facts"`
		Answers []Answer `json:"answers"`
	}{of, tr.day, tr.facts, tr.answers})
	tb.trials++
	tb.sent <- sent{tr, canonical(tb.t, v)}
	return v
}

func (tb *tablet) write(line any) {
	if _, err := tb.in.Write(canonical(tb.t, line)); err != nil {
		tb.t.Fatal("the judge of the tablet takes no more: ", err)
	}
}

// canonical is JSON as JavaScript writes it, with a line's end.
func canonical(t testing.TB, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (tb *tablet) compare(out *bufio.Reader) {
	defer close(tb.done)
	for s := range tb.sent {
		line, err := out.ReadBytes('\n')
		if err != nil {
			tb.t.Errorf("%s %s %s: no verdict from the tablet: %v", s.trial.pack.Ref(), s.trial.rule, s.trial.name, err)
			for range tb.sent {
			}
			return
		}
		if bytes.Equal(line, s.verdict) {
			continue
		}
		if tb.differs++; tb.differs <= 5 {
			tb.t.Errorf("%s %s %s:\nday %s facts %s answers %shere  %sthere %s", s.trial.pack.Ref(), s.trial.rule, s.trial.name,
				s.trial.day, canonical(tb.t, s.trial.facts), canonical(tb.t, s.trial.answers), s.verdict, line)
		}
	}
}

// finish waits for the last verdicts.
func (tb *tablet) finish() {
	if err := tb.in.Flush(); err != nil {
		tb.t.Error("the judge of the tablet takes no more: ", err)
	}
	_ = tb.stdin.Close()
	close(tb.sent)
	<-tb.done
	if tb.differs > 0 {
		tb.t.Errorf("%d of %d verdicts differ", tb.differs, tb.trials)
	}
}

// source is a pack with the file that it was compiled from.
type source struct {
	pack *Pack
	yaml []byte
}

// sources are the embedded packs and those of the vectors.
func sources(t *testing.T) []source {
	t.Helper()
	names, err := fs.Glob(files, "packs/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []source
	for k, name := range names {
		yaml, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, source{embedded(t).Packs[k], yaml})
	}
	for name, compiled := range vectorPacks {
		yaml, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, source{vectorPack(t, compiled), yaml})
	}
	return out
}

// leastTrials is how many cases a pack has at least.
const leastTrials = 10

// TestTabletAgrees holds Judge to what the cases of every rule want, and the judge of the tablet to Judge.
func TestTabletAgrees(t *testing.T) {
	tb := startTablet(t)
	defer tb.finish()
	for _, source := range sources(t) {
		p := source.pack
		t.Run(string(p.Ref()), func(t *testing.T) {
			trials := generated(t, p, membersOf(t, source.yaml))
			if len(trials) < leastTrials {
				t.Errorf("%d cases, want %d", len(trials), leastTrials)
			}
			outcomes := map[outcome]int{}
			for _, tr := range trials {
				outcomes[tr.want.outcome]++
				if err := tr.check(tb.judge(tr)); err != nil {
					t.Errorf("%s %s: %v", tr.rule, tr.name, err)
				}
			}
			t.Logf("%s: %d rules, %d cases: %v", p.Ref(), len(p.Rules), len(trials), outcomes)
		})
	}
	t.Run("Random", func(t *testing.T) {
		const each = 500
		d := newDice(1)
		packs := []*Pack{vectorPack(t, "pack.json"), vectorPack(t, "arithmetic.json")}
		packs = append(packs, byRules(embedded(t).Packs)[:2]...)
		for _, p := range packs {
			from := poolOfPack(p)
			for n := range each {
				tb.judge(d.trial(p, from, fmt.Sprintf("random %d", n)))
			}
		}
	})
	t.Run("Units", func(t *testing.T) {
		p := newDice(3).language(t, "units", false)
		spellings := oddUnits
		for _, c := range conversions {
			spellings = append(spellings, c.from)
		}
		for _, unit := range spellings {
			tr := trial{pack: p, name: "unit " + unit, day: testDay, facts: Facts{}}
			for _, it := range p.items {
				if it.Kind == Number {
					tr.answers = append(tr.answers, Answer{Item: it.Code, Number: ptr(123.4567), Unit: unit})
				}
			}
			tb.judge(tr)
		}
	})
	t.Run("Language", func(t *testing.T) {
		const packs, each = 4, 100
		d := newDice(2)
		for k := range packs {
			p := d.language(t, fmt.Sprintf("language%d", k), true)
			from := poolOfPack(p)
			for n := range each {
				tb.judge(d.trial(p, from, fmt.Sprintf("random %d", n)))
			}
		}
	})
}

func (o outcome) String() string {
	return [...]string{"free", "raised", "silent", "open", "suspect", "human"}[o]
}
