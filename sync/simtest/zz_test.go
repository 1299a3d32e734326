package simtest

import (
	"fmt"
	"testing"

	"paicha/internal/store"
)

func TestDebug(t *testing.T) {
	w, err := run(*first, *steps, nil)
	fmt.Println(err)
	for r, d := range w.model.Docs() {
		if r.Kind == "quarantine" {
			fmt.Println(r, d.Rev, d.Position, d.Tokens, d.Left)
		}
	}
	for _, tb := range w.tablets {
		if tb.by.id == "dual" || tb.by.id == "chief" {
			for _, d := range tb.Replica().Docs() {
				if d.Kind == "quarantine" {
					fmt.Println(tb.name, d.ID, d.Rev, d.Via)
				}
			}
		}
	}
	fmt.Println(string(w.model.Doc(store.Ref{Kind: "_head", ID: "head"}).Body))
	for i := range 60 {
		id := fmt.Sprint("w", i)
		if d := w.model.Doc(store.Ref{Kind: "_writer", ID: id}); d.Rev > 0 {
			fmt.Println(id, string(d.Body))
		}
	}
	for _, n := range w.nodes {
		m, err := n.store.Now(t.Context())
		fmt.Println(n.name, m, err)
	}
}
