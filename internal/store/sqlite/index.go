package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

// indexPrefix marks what this file made; everything else in the schema is left alone.
const indexPrefix = "declared_"

// indexName is the name of a declared index in the schema.
func indexName(x store.Index) string {
	return indexPrefix + string(x.Kind) + "." + strings.Join(x.Fields, ".")
}

// statement writes the SQL of a declared index. Its names are plain words: they become part of SQL.
func statement(x store.Index) string {
	terms := make([]string, 0, len(x.Fields)+1)
	for _, f := range x.Fields {
		terms = append(terms, extract("", f))
	}
	terms = append(terms, "id")
	// A document without the first field is in no answer of this index, and costs it no row.
	return fmt.Sprintf(`CREATE INDEX %s ON docs (%s) WHERE kind = %s AND removed = '' AND %s IS NOT NULL`,
		sqlite3.QuoteIdentifier(indexName(x)), strings.Join(terms, ", "), sqlite3.Quote(string(x.Kind)), terms[0])
}

// extract is the expression of a field; table is "" or an alias with its dot. The planner compares it with the
// expression of an index, so both must come from here.
func extract(table, field string) string {
	return `json_extract(` + table + `fields, '$."` + field + `"')`
}

// buildIndexes makes the declared indexes and drops the others, in one transaction.
func buildIndexes(c *sqlite3.Conn, ixs store.Indexes) (err error) {
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
			want[indexName(x)] = have[indexName(x)] == statement(x)
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
			if !want[indexName(x)] {
				if err := c.Exec(statement(x)); err != nil {
					return fmt.Errorf("index %s: %w", indexName(x), err)
				}
			}
		}
	}
	return nil
}
