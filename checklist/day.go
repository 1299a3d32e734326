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
