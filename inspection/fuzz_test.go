package inspection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"paicha/internal/fault"
	"paicha/internal/store"
)

// reference is the merge of answers, slow and obvious: a list of what is stored, and of who disagreed with what.
type reference struct {
	stored    []set
	conflicts []string
}

type set struct {
	item   ItemID
	value  Result
	photos []Hash
	device string
	n      uint64
	rev    store.Rev
}

func (r *reference) save(device string, n uint64, base, rev store.Rev, as []Answer) {
	for _, a := range as {
		offer := set{a.Item, a.Result, a.Photos, device, n, rev}
		at := slices.IndexFunc(r.stored, func(s set) bool { return s.item == a.Item })
		if at < 0 {
			r.stored = append(r.stored, offer)
			continue
		}
		s := &r.stored[at]
		pulled := base > 0 && s.rev <= base
		ownEarlier := s.device == device && s.n < n
		switch {
		case s.value == offer.value:
			for _, p := range offer.photos {
				if !slices.Contains(s.photos, p) {
					s.photos = append(slices.Clone(s.photos), p)
					s.device, s.n, s.rev = device, n, rev
				}
			}
		case pulled || ownEarlier:
			*s = offer
		default:
			r.conflicts = append(r.conflicts, fmt.Sprint(a.Item, s.value, s.photos, offer.value, offer.photos, device, n))
		}
	}
}

func (r *reference) String() string {
	slices.SortFunc(r.stored, func(a, b set) int { return strings.Compare(string(a.item), string(b.item)) })
	return fmt.Sprint(r.stored, r.conflicts)
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 17})
	f.Add([]byte{0, 2, 1, 2, 3, 77, 1, 0, 255})
	f.Add([]byte{1, 1, 33, 0, 1, 34, 2, 3, 33})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 300 {
			return
		}
		in := begun(t)
		in.Team = []UserID{"a", "b", "c"}
		var want reference
		n := map[string]uint64{}
		for rev := store.Rev(2); len(ops) >= 3; rev++ {
			device, two := string("abc"[ops[0]%3]), ops[0] >= 128
			base := store.Rev(ops[1]) % rev
			n[device]++
			var as []Answer
			for len(as) == 0 || two && len(as) == 1 && len(ops) >= 3 {
				a := Answer{Item: ItemID("xyz"[ops[2]%3 : ops[2]%3+1]), Result: results[ops[2]>>2&3]}
				if p := ops[2] >> 4 & 3; p > 0 {
					a.Photos = []Hash{photo(p)}
				}
				as = append(as, a)
				ops = ops[3:]
			}
			want.save(device, n[device], base, rev, as)
			in = saved(t, in, SaveArgs{Answers: as}, uint64(base), uint64(rev), by(device, n[device]))
		}
		var got reference
		for _, a := range in.Answers {
			got.stored = append(got.stored, set{a.Item, a.Result, a.Photos, string(a.Stamp.Device), a.Stamp.N, a.Stamp.Rev})
		}
		for _, c := range in.Conflicts {
			s, o := c.Stored.Answer, c.Offered.Answer
			got.conflicts = append(got.conflicts, fmt.Sprint(s.Item, s.Result, s.Photos, o.Result, o.Photos, c.Device, c.N))
		}
		if got.String() != want.String() {
			t.Fatalf("merged\n%s\nreference\n%s", got.String(), want.String())
		}
	})
}

// decodeAll runs every decoder; each must answer with arguments or with a fault that has a Chinese sentence.
func decodeAll(t *testing.T, raw []byte) {
	decodeOne[SaveArgs](t, raw)
	decodeOne[SubmitArgs](t, raw)
	decodeOne[AmendArgs](t, raw)
	decodeOne[SettleArgs](t, raw)
	decodeOne[RemarkArgs](t, raw)
	decodeOne[SignArgs](t, raw)
	decodeOne[DeclineArgs](t, raw)
	decodeOne[ConfirmArgs](t, raw)
	decodeOne[WithdrawArgs](t, raw)
	decodeOne[PlanArgs](t, raw)
	decodeOne[RectifyArgs](t, raw)
	decodeOne[AcceptArgs](t, raw)
	decodeOne[RejectArgs](t, raw)
	decodeOne[ReopenArgs](t, raw)
	decodeOne[RegradeArgs](t, raw)
	decodeOne[ExtendArgs](t, raw)
	decodeOne[ListArgs](t, raw)
	decodeOne[TransferArgs](t, raw)
	decodeOne[ExemptArgs](t, raw)
	decodeOne[ReportArgs](t, raw)
}

func decodeOne[A Args](t *testing.T, raw []byte) {
	a, err := DecodeArgs[A](raw)
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind == fault.Internal || f.Message == "" {
			t.Fatalf("%T: %v", a, err)
		}
		return
	}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatalf("%T: what was read cannot be written: %v", a, err)
	}
	again, err := DecodeArgs[A](b)
	if err != nil {
		t.Fatalf("%T: what was written cannot be read: %v\n%s", a, err, b)
	}
	if c, err := json.Marshal(again); err != nil || string(c) != string(b) {
		t.Fatalf("%T: a round trip changes\n%s\n%s", a, b, c)
	}
}

func FuzzDecodeArgs(f *testing.F) {
	for _, s := range []string{
		`{}`, `null`, `[]`, `{"answers":[{"item":"a","result":"conform","number":1e999}]}`,
		`{"answers":[{"item":"a","number":1.5,"unit":"%","x":{"y":[1]}}],"zzz":1,"reason":"因","signatures":[{"name":"n","role":"inspector"}]}`,
		`{"deadline":"2023-06-01T00:00:00+08:00","reason":"因","level":"county","number":"1","authority":"a"}`,
		`{"fixings":{"responsible":"a","measures":"b","funds":0,"deadline":"2023-06-01T00:00:00.0001Z","plan":"c"}}`,
		`{"unit":{"id":"e"},"region":"53","sectors":["fire"],"source":"tip","explanation":"x"}`,
		`{"text":"` + strings.Repeat("长", MaxText+1) + `"}`, "{\"text\":\"\xff\"}", `{"text":"a","text":"b"}`,
		`{"hash":"ab","signature":{"alg":"ES256","value":"AAEC","kid":"x"},"reason":"异议","signed":{"content":"{}","signature":{"alg":"ES256","value":""}}}`,
		strings.Repeat(`{"extra":`, 200),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(decodeAll)
}

func TestDecodeArgsRefuses(t *testing.T) {
	save := func(raw string) error { _, err := DecodeArgs[SaveArgs]([]byte(raw)); return err }
	for name, c := range map[string]struct {
		err   error
		want  *fault.Error
		field string
	}{
		"Nothing":      {save(""), ErrMissing, ""},
		"Half":         {save(`{"answers":[`), ErrMalformed, ""},
		"WrongType":    {save(`{"answers":[{"item":7}]}`), ErrMalformed, "/answers/0/item"},
		"NotUTF8":      {save("{\"team\":[\"\xff\"]}"), ErrMalformed, ""},
		"NoItem":       {save(`{"answers":[{"item":"a"},{}]}`), ErrMissing, "/answers/1/item"},
		"ControlInID":  {save(`{"answers":[{"item":"a\u001fb"}]}`), ErrBadValue, "/answers/0/item"},
		"LongName":     {save(`{"answers":[{"item":"` + strings.Repeat("长", MaxName+1) + `"}]}`), ErrTooLong, "/answers/0/item"},
		"LongNote":     {save(`{"answers":[{"item":"a","note":"` + strings.Repeat("长", MaxText+1) + `"}]}`), ErrTooLong, "/answers/0/note"},
		"TooMany":      {save(`{"team":["a"` + strings.Repeat(`,"a"`, MaxTeam) + `]}`), ErrTooMany, "/team"},
		"NamelessRule": {save(`{"findings":[{"class":"major"}]}`), ErrMissing, "/findings/0/rule"},
	} {
		t.Run(name, func(t *testing.T) {
			if !errors.Is(c.err, c.want) {
				t.Fatalf("got %v, want %s", c.err, c.want.Code)
			}
			if c.field != "" {
				wantFault(t, c.err, c.want, c.field)
			}
		})
	}
}
