package checklist

import (
	"time"
)

// Day is a calendar day "2006-01-02" in the time zone of the place inspected. Days compare as strings, here and in
// rule expressions. The empty Day means "not known" or "no end", as the field says.
type Day string

// ParseDay reads a day; a day that does not exist is ErrDay.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return "", ErrDay.Because(err)
	}
	return Day(t.Format(time.DateOnly)), nil
}

// until counts the days from d to another day, negative where that lies before; ok is false where one of them is not known.
func (d Day) until(other Day) (days float64, ok bool) {
	from, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return 0, false
	}
	to, err := time.Parse(time.DateOnly, string(other))
	if err != nil {
		return 0, false
	}
	const secondsOfDay = 24 * 60 * 60
	return float64((to.Unix() - from.Unix()) / secondsOfDay), true // a time.Duration ends after 292 years
}
