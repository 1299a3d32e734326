package attest

import (
	"testing"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"
)

func TestCompareIsByCodeUnits(t *testing.T) {
	texts := []string{"", "a", "ab", "b", "厨房", "\ud7ff", "\ue000", "\ufffd", "𝄞", "𝄞a", "\U0010ffff", "甲\U0001F600", "甲\uff01"}
	units := func(a, b string) int {
		x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
		for i := range min(len(x), len(y)) {
			if x[i] != y[i] {
				return int(x[i]) - int(y[i])
			}
		}
		return len(x) - len(y)
	}
	sign := func(n int) int { return min(max(n, -1), 1) }
	for _, a := range texts {
		for _, b := range texts {
			if sign(Compare(a, b)) != sign(units(a, b)) {
				t.Errorf("%q, %q: %d, by units %d", a, b, Compare(a, b), units(a, b))
			}
		}
	}
}

// FuzzCanonicalize compares with another implementation, and asks that what is canonical stays as it is.
func FuzzCanonicalize(f *testing.F) {
	for _, s := range []string{`{"b":1.50,"a":[1e21,5e-7,-0.0,1E400]}`, `{"\ud834\udd1e":1,"\ufffd":2}`, `"\u2028<&>\u0007"`, `{"a":1,"a":2}`, `[[[[]]]]`, `9007199254740993`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Canonicalize(b)
		if err != nil {
			return
		}
		again, err := Canonicalize([]byte(got))
		if err != nil || again != got {
			t.Fatalf("%q became %q (%v)", got, again, err)
		}
		other := jsontext.Value(append([]byte(nil), b...))
		if err := other.Canonicalize(); err != nil || string(other) != got {
			t.Fatalf("%q, another canonicaliser says %q (%v)", got, other, err)
		}
	})
}

func FuzzDiff(f *testing.F) {
	f.Add(`{"answers":[{"item":"a"}]}`, `{"answers":[{"item":"b"},{"item":"a","note":"x"}]}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		x, errX := Canonicalize([]byte(a))
		y, errY := Canonicalize([]byte(b))
		if errX != nil || errY != nil {
			return
		}
		ds, err := Diff(x, y)
		if err != nil {
			t.Fatal(err)
		}
		if x == y && len(ds) > 0 {
			t.Fatalf("%s differs from itself: %v", x, ds)
		}
	})
}
