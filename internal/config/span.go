package config

import (
	"errors"
	"strconv"
	"strings"
)

// Span is a length of calendar time in years or days; the zero Span is for ever.
type Span struct{ Years, Days int }

// The bounds of how long originals are kept. No rule that we know of asks for less than three years; a store's lock
// cannot be taken back, so a slip of the finger must not lock for centuries.
const (
	leastYears = 3
	mostYears  = 100
)

// least and most are the days that a span may have, whatever years are leap years.
func (s Span) least() int { return s.Years*365 + s.Days }
func (s Span) most() int  { return s.Years*366 + s.Days }

// period reads 0, "10y" or "3700d".
func period(field func(*Config) *Span) func(*Config, string) error {
	bad := errors.New("应为 0（一直保留），或 3 到 100 年，写作 10y 或 3700d（want 0 for ever, or 3 to 100 years, such as 10y or 3700d）")
	return func(c *Config, v string) error {
		if v == "0" {
			*field(c) = Span{}
			return nil
		}
		var s Span
		n := &s.Years
		digits, years := strings.CutSuffix(v, "y")
		if !years {
			var days bool
			if digits, days = strings.CutSuffix(v, "d"); !days {
				return bad
			}
			n = &s.Days
		}
		var err error
		if *n, err = strconv.Atoi(digits); err != nil || *n < 0 || s.Years < leastYears && s.Days < leastYears*365+1 || s.Years > mostYears || s.Days > mostYears*366 {
			return bad
		}
		*field(c) = s
		return nil
	}
}

// keeping checks that a major hazard's evidence is not kept for less time than any other.
func keeping(c Config) error {
	general, major := c.KeepGeneral, c.KeepMajor
	longer := major == Span{} || general != Span{} && (major == general ||
		major.Days == 0 && general.Days == 0 && major.Years >= general.Years || major.least() >= general.most())
	if longer {
		return nil
	}
	return errors.New("--keep-major（PAICHA_KEEP_MAJOR）不能短于 --keep-general（PAICHA_KEEP_GENERAL），0 表示一直保留（major shorter than general）")
}
