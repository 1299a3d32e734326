package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

// index is a declared index as SQL.
type index struct {
	store.Index
	name string
	sql  string
}

// indexPrefix marks what this file made; everything else in the schema is left alone.
const indexPrefix = "declared_"

// declare checks the declared indexes and writes their SQL. Names must be plain words: they become part of SQL.
func declare(ixs []store.Index) (map[store.Kind][]index, error) {
	out := map[store.Kind][]index{}
	for _, ix := range ixs {
		if len(ix.Fields) == 0 || !plain(string(ix.Kind)) || slices.ContainsFunc(ix.Fields, func(f string) bool { return !plain(f) }) {
			return nil, fmt.Errorf("index %q %q: names are letters, digits, - and _", ix.Kind, ix.Fields)
		}
		x := index{Index: ix, name: indexPrefix + string(ix.Kind) + "." + strings.Join(ix.Fields, ".")}
		if slices.ContainsFunc(out[ix.Kind], func(o index) bool { return o.name == x.name }) {
			continue
		}
		terms := make([]string, 0, len(ix.Fields)+1)
		for _, f := range ix.Fields {
			terms = append(terms, extract("", f))
		}
		terms = append(terms, "id")
		// A document without the first field is in no answer of this index, and costs it no row.
		x.sql = fmt.Sprintf(`CREATE INDEX %s ON docs (%s) WHERE kind = %s AND removed = '' AND %s IS NOT NULL`,
			sqlite3.QuoteIdentifier(x.name), strings.Join(terms, ", "), sqlite3.Quote(string(ix.Kind)), terms[0])
		out[ix.Kind] = append(out[ix.Kind], x)
	}
	return out, nil
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != ""
}

// extract is the expression of a field; table is "" or an alias with its dot. The planner compares it with the
// expression of an index, so both must come from here.
func extract(table, field string) string {
	return `json_extract(` + table + `fields, '$."` + field + `"')`
}

// buildIndexes makes the declared indexes and drops the others, in one transaction.
func buildIndexes(c *sqlite3.Conn, ixs map[store.Kind][]index) (err error) {
	have := map[string]string{}
	st, _, err := c.Prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND substr(name, 1, 9) = 'declared_'`)
	if err != nil {
		return err
	}
	for st.Step() {
		have[st.ColumnText(0)] = st.ColumnText(1)
	}
	if err := errors.Join(st.Err(), st.Close()); err != nil {
		return err
	}
	tx, err := c.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)
	want := map[string]bool{}
	for _, list := range ixs {
		for _, x := range list {
			want[x.name] = have[x.name] == x.sql
		}
	}
	for name := range have {
		if !want[name] {
			if err := c.Exec(`DROP INDEX ` + sqlite3.QuoteIdentifier(name)); err != nil {
				return err
			}
		}
	}
	for _, list := range ixs {
		for _, x := range list {
			if !want[x.name] {
				if err := c.Exec(x.sql); err != nil {
					return fmt.Errorf("index %s: %w", x.name, err)
				}
			}
		}
	}
	return nil
}

// serving returns the declared index that serves conditions and an order best: it has every named field, and the most
// of its leading fields are fixed by conditions or are the order. ok is false when no index has them all.
func serving(ixs []index, where []store.Cond, order string) (best index, ok bool) {
	most := -1
	for _, x := range ixs {
		if slices.ContainsFunc(where, func(c store.Cond) bool { return !slices.Contains(x.Fields, c.Field) }) ||
			order != "" && !slices.Contains(x.Fields, order) {
			continue
		}
		score := 0
		for _, f := range x.Fields {
			if slices.ContainsFunc(where, func(c store.Cond) bool { return c.Field == f && (c.Op == store.Eq || c.Op == store.In) }) {
				score += 2
				continue
			}
			if f == order || slices.ContainsFunc(where, func(c store.Cond) bool { return c.Field == f }) {
				score++
			}
			break
		}
		if score > most {
			best, most = x, score
		}
	}
	// An index whose first field the query does not name would be read from end to end.
	return best, most > 0
}
