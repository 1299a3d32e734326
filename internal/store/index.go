package store

import (
	"fmt"
	"slices"
)

// Index declares fields of a kind that Find may filter by and order by, in this order.
type Index struct {
	Kind   Kind
	Fields []string
}

// Indexes are the declared indexes of an engine, by kind. Which of them answers a query is the same for every engine.
type Indexes map[Kind][]Index

// Declare checks the declarations and drops repetitions. Names become part of an engine's own names and expressions, so
// they must be Plain.
func Declare(ixs []Index) (Indexes, error) {
	out := Indexes{}
	for _, ix := range ixs {
		if len(ix.Fields) == 0 || !Plain(string(ix.Kind)) || slices.ContainsFunc(ix.Fields, func(f string) bool { return !Plain(f) }) {
			return nil, fmt.Errorf("index %q %q: names are letters, digits, - and _", ix.Kind, ix.Fields)
		}
		if !slices.ContainsFunc(out[ix.Kind], func(o Index) bool { return slices.Equal(o.Fields, ix.Fields) }) {
			out[ix.Kind] = append(out[ix.Kind], ix)
		}
	}
	return out, nil
}

// Plain tells whether a name consists of letters, digits, - and _ alone.
func Plain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != ""
}

// Serving returns the index that serves conditions and an order best: it has every named field, and the most of its
// leading fields are fixed by conditions or are the order. ok is false when no index has them all, or when its first
// field is not named, because it would be read from end to end.
func (x Indexes) Serving(k Kind, where []Cond, order string) (best Index, ok bool) {
	most := 0
	for _, ix := range x[k] {
		if slices.ContainsFunc(where, func(c Cond) bool { return !slices.Contains(ix.Fields, c.Field) }) ||
			order != "" && !slices.Contains(ix.Fields, order) {
			continue
		}
		score := 0
		for _, f := range ix.Fields {
			if slices.ContainsFunc(where, func(c Cond) bool { return c.Field == f && (c.Op == Eq || c.Op == In) }) {
				score += 2
				continue
			}
			if f == order || slices.ContainsFunc(where, func(c Cond) bool { return c.Field == f }) {
				score++
			}
			break
		}
		if score > most {
			best, most = ix, score
		}
	}
	return best, most > 0
}
