package audit

import (
	"encoding/hex"
	"flag"
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paicha/internal/store"
)

var update = flag.Bool("update", false, "write docs/vectors/audit anew: only for a new version of the leaf")

const vectorsName = "../../docs/vectors/audit/leaves.json"

// vectors are docs/vectors/audit/leaves.json: documents as they are stored, and the leaf of each entry byte for byte.
type vectors struct {
	Name  string       `json:"name"`
	Why   string       `json:"why"`
	Cases []vectorCase `json:"cases"`
	Root  string       `json:"root"` // hexadecimal, of the tree of all leaves in this order
}

type vectorCase struct {
	Kind   store.Kind `json:"kind"`
	ID     string     `json:"id"`
	Rev    store.Rev  `json:"rev"`
	Body   string     `json:"body"`
	Leaves []vector   `json:"leaves"`
}

type vector struct {
	Leaf string `json:"leaf"`
	Hash string `json:"hash"` // hexadecimal
}

// TestLeafVectors holds the form of the leaves still: a log outlives programs.
func TestLeafVectors(t *testing.T) {
	b, err := os.ReadFile(vectorsName)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var leaves [][]byte
	for i, c := range v.Cases {
		history, err := History(c.Kind, []byte(c.Body))
		if err != nil {
			t.Fatal(err)
		}
		var got []vector
		for n, e := range history {
			l := Leaf{LeafVersion, c.Kind, c.ID, n, c.Rev, bodyHash([]byte(c.Body)), e}
			text, err := l.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			h, err := l.Hash()
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, text)
			got = append(got, vector{string(text), hex.EncodeToString(h[:])})
		}
		if *update {
			v.Cases[i].Leaves = got
			continue
		}
		if len(got) != len(c.Leaves) {
			t.Errorf("%s %s: %d leaves, want %d", c.Kind, c.ID, len(got), len(c.Leaves))
			continue
		}
		for n := range got {
			if got[n] != c.Leaves[n] {
				t.Errorf("%s %s, entry %d:\n%+v, want\n%+v", c.Kind, c.ID, n, got[n], c.Leaves[n])
			}
		}
	}
	root := slowRoot(leaves)
	if *update {
		v.Root = hex.EncodeToString(root[:])
		out, err := json.Marshal(v, jsontext.WithIndent("  "))
		if err == nil {
			err = os.WriteFile(vectorsName, append(out, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := hex.EncodeToString(root[:]); got != v.Root {
		t.Errorf("root %s, want %s", got, v.Root)
	}
}
