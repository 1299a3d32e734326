package directory

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"paicha/internal/store"
)

func TestCreditCode(t *testing.T) {
	// The weights are powers of three modulo 31, by definition of GB 32100-2015.
	for i, w := 0, 1; i < 17; i, w = i+1, w*3%31 {
		if creditWeights[i] != w {
			t.Errorf("weight %d is %d, want %d", i+1, creditWeights[i], w)
		}
	}
	for in, want := range map[string]CreditCode{
		"": "", "  ": "", "91532504MADEM0001B": "91532504MADEM0001B", " 91532504madem0001b\n": "91532504MADEM0001B",
	} {
		if got, err := ParseCreditCode(in); err != nil || got != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for name, bad := range map[string]string{
		"WrongCheck": "91532504MADEM0001C", "Swapped": "91532504MADEM0010B", "Short": "91532504MADEM0001",
		"Long": "91532504MADEM0001BB", "LetterO": "91532504MADEMO001B", "RegionOfLetters": "91A32504MADEM0001B",
		"Chinese": "统一社会信用", "Huge": strings.Repeat("9", 1<<20), "NotText": strings.Repeat("\xff", 18),
	} {
		if _, err := ParseCreditCode(bad); !errors.Is(err, ErrCreditCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 18 { // one wrong character never passes
		b := []byte("91532504MADEM0001B")
		was := b[i]
		for _, c := range []byte(creditAlphabet) {
			b[i] = c
			if _, err := ParseCreditCode(string(b)); (err == nil) != (c == was) {
				t.Errorf("%s: %v", b, err)
			}
		}
	}
}

func TestLogin(t *testing.T) {
	for in, want := range map[string]string{"\u0020ZhangSan\u0020": "zhangsan", "e\u0301va": "éva", "检查员": "检查员"} {
		if got, err := ParseLogin(in); err != nil || got != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "a", "a b", "a/b", "a:b", "a\x00b", "\xff\xff", strings.Repeat("a", 65), strings.Repeat("a", 1<<16)} {
		if _, err := ParseLogin(bad); !errors.Is(err, ErrLogin) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestDeviceKeyRefused(t *testing.T) {
	for _, bad := range []PublicKey{
		"", "?", "AAAA", PublicKey(strings.Repeat("A", 4096)),
		PublicKey(base64.StdEncoding.EncodeToString([]byte("-----BEGIN PUBLIC KEY-----"))),
	} {
		if _, err := DeviceIDOf(bad); !errors.Is(err, ErrDeviceKey) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func FuzzCreditCode(f *testing.F) {
	f.Add("91532504MADEM0001B")
	f.Add("")
	f.Add("９１５３２５０４MADEM0001B")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCreditCode(s)
		if err != nil {
			return
		}
		if len(c) != 0 && len(c) != 18 {
			t.Errorf("%q has %d characters", c, len(c))
		}
		if again, err := ParseCreditCode(string(c)); err != nil || again != c {
			t.Errorf("%q does not read back: %v", c, err)
		}
	})
}

func FuzzLogin(f *testing.F) {
	for _, s := range []string{"abc", "İ\u0307x", "ΑΣ", "K\u0301", " é "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLogin(s)
		if err != nil {
			return
		}
		if again, err := ParseLogin(l); err != nil || again != l {
			t.Errorf("%q becomes %q: %v", l, again, err)
		}
	})
}

func FuzzParseScope(f *testing.F) {
	f.Add("5325/coal-mine")
	f.Add("sup:53")
	f.Fuzz(func(t *testing.T, s string) {
		r, sector, err := ParseScope(store.Token(s))
		if err == nil && string(ScopeToken(r, sector)) != s {
			t.Errorf("%q is read as %s %s", s, r, sector)
		}
	})
}
