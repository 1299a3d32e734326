package inspection

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"paicha/inspection/attest"
)

// drawAnswer draws an answer of any sort, in one of the ways that an app may write it.
func drawAnswer(t *rapid.T, item ItemID) Answer {
	a := Answer{Item: item, Instance: Instance(rapid.SampledFrom([]string{"", "1201回风", "𝄞", "\ufffd", `a"b\c`}).Draw(t, "instance"))}
	switch rapid.IntRange(0, 5).Draw(t, "sort") {
	case 0:
		a.Result = rapid.SampledFrom(results).Draw(t, "result")
	case 1:
		n := rapid.Float64Range(-1e6, 1e6).Draw(t, "number")
		a.Number, a.Unit = &n, "%"
	case 2:
		a.Choices = rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "choices")
	case 3:
		a.Text = rapid.String().Draw(t, "text")
	case 4:
		n := rapid.Int64Range(-1<<53+1, 1<<53-1).Draw(t, "count")
		a.Count = &n
	case 5:
		a.Extra = Extra(fmt.Sprintf(`{"newer":{"b":%d,"a":1.50}}`, rapid.IntRange(0, 9).Draw(t, "newer")))
	}
	if n := rapid.IntRange(0, 2).Draw(t, "photos"); n > 0 {
		a.Photos = []Hash{photo(byte(n))}
	}
	return a
}

func drawRecord(t *rapid.T) Inspection {
	in := Inspection{ID: testID, Status: Submitted, Header: *header(), Team: []UserID{"u1", "u2"}, Submitted: &Submission{At: noon}}
	for i := range rapid.IntRange(0, 6).Draw(t, "answers") {
		in.Answers = append(in.Answers, drawAnswer(t, ItemID(fmt.Sprintf("item%d", i/2))))
	}
	slices.SortFunc(in.Answers, func(a, b Answer) int { return answers.order(&a, &b) })
	in.Answers = slices.CompactFunc(in.Answers, func(a, b Answer) bool { return a.Key() == b.Key() })
	return in
}

func content(t testing.TB, in Inspection) string {
	c, err := Content(&in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// drawn lets content be used under rapid.
type drawn struct {
	testing.TB
	rt *rapid.T
}

func (d drawn) Fatal(args ...any) { d.rt.Fatal(args...) }

func TestContentIsStable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tb := drawn{t, rt}
		in := drawRecord(rt)
		first := content(tb, in)
		if _, err := attest.ReadContent(first); err != nil {
			rt.Fatalf("%v: %s", err, first)
		}
		body, _, err := Encode(&in)
		if err != nil {
			rt.Fatal(err)
		}
		back, err := Decode(body, nil)
		if err != nil {
			rt.Fatal(err)
		}
		if got := content(tb, back); got != first {
			rt.Fatalf("after a round trip\n%s\n%s", got, first)
		}
		// What is the server's, and what is unknown of the record as a whole, is not signed.
		back.Extra = Extra(`{"later":true}`)
		back.Marks, back.Verdict, back.Unjudged = []Mark{MarkClock}, &Verdict{}, true
		back.Header.Stamp, back.Remarks = Stamp{Rev: 7, By: "u9"}, []Remark{{Text: "内部"}}
		for i := range back.Answers {
			back.Answers[i].Stamp = Stamp{Rev: 3, Device: "d", N: 4}
		}
		slices.Reverse(back.Answers)
		slices.Reverse(back.Team)
		if got := content(tb, back); got != first {
			rt.Fatalf("in another order\n%s\n%s", got, first)
		}
	})
}

func TestContentChangesWithEveryAnswer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tb := drawn{t, rt}
		in := drawRecord(rt)
		if len(in.Answers) == 0 {
			return
		}
		first := content(tb, in)
		i := rapid.IntRange(0, len(in.Answers)-1).Draw(rt, "which")
		was := in.Answers[i]
		now := drawAnswer(rt, was.Item)
		now.Instance = was.Instance
		if sameAnswer(tb, was, now) {
			return
		}
		in.Answers[i] = now
		if second := content(tb, in); attest.Sum(second) == attest.Sum(first) {
			rt.Fatalf("%+v and %+v are signed alike: %s", was, now, second)
		}
		diff, err := attest.Diff(first, content(tb, in))
		if err != nil || len(diff) == 0 {
			rt.Fatal("no difference is listed", err)
		}
	})
}

// sameAnswer compares by meaning: as the document would have them.
func sameAnswer(t testing.TB, a, b Answer) bool {
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	cx, err := attest.Canonicalize(x)
	if err != nil {
		t.Fatal(err)
	}
	cy, err := attest.Canonicalize(y)
	if err != nil {
		t.Fatal(err)
	}
	return cx == cy
}

func TestContentRefusesWhatJavaScriptWouldRound(t *testing.T) {
	in := submitted(t)
	n := int64(1) << 53
	in.Answers = []Answer{{Item: "door", Count: &n}}
	_, err := Content(&in)
	wantFault(t, err, ErrBadValue, "/answers/0/count")
}

func TestContentOfAFullRecord(t *testing.T) {
	in := begun(t, percent(1.2), bad("door"))
	in.Findings = []Finding{{ID: "f2", Class: General, Photos: []Hash{photo(9)}, ByDevice: true}, {Rule: "r1", Class: Major}}
	in.Photos = []Photo{{SHA256: photo(3), CapturedAt: noon}, {SHA256: photo(3), Caption: "又"}, {SHA256: photo(1)}}
	in.Submitted = &Submission{At: noon, Opinion: "<改>&", Representative: &Representative{
		Name: "张某", Title: "矿长", Signed: &attest.Handwriting{Image: photo(4)},
	}}
	got := content(t, in)
	zero := strings.Repeat("0", 62)
	want := `{"answers":[{"item":"door","result":"nonconform"},{"instance":"厨房","item":"gas","number":1.2,"unit":"%"}],` +
		`"facts":[],"findings":[{"class":"general","id":"f2","photos":["09` + zero + `"]},{"class":"major","rule":"r1"}],` +
		`"finishedAt":"2023-06-01T04:00:00.000Z","header":{"department":"d1","mode":"unannounced","pack":{"id":"gas@2"},"region":"532501",` +
		`"sectors":["town-gas"],"startedAt":"2023-06-01T04:00:00.000Z","unit":{"id":"e1","name":"液化气站"}},"inspection":"` + string(testID) + `",` +
		`"opinion":"<改>&","photos":["01` + zero + `","03` + zero + `","04` + zero + `","09` + zero + `"],` +
		`"representative":{"name":"张某","signed":{"image":"04` + zero + `"},"title":"矿长"},"team":["u1","u2"],"type":"paicha.inspection.record","version":1}`
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}
