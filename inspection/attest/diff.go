package attest

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDifferences bounds what is listed, maxShown the bytes of one side of it: both contents are kept whole anyway.
const (
	maxDifferences = 200
	maxShown       = 1 << 10
)

// Difference is one place where what was signed is not what the record says. Pointer (RFC 6901) points into the signed
// content, or into the content that the record would have where only that has it. A side is absent where it has nothing
// there, or too much to repeat.
type Difference struct {
	Pointer string         `json:"pointer"`
	Signed  jsontext.Value `json:"signed,omitzero"`
	Record  jsontext.Value `json:"record,omitzero"`
}

// Diff compares a signed content with the one that the record would have. Answers, facts and findings are compared by
// what they are about, not by their place. At most 200 are returned; ErrNotCanonical if either is no JSON.
func Diff(signed, record string) ([]Difference, error) {
	var a, b any
	if err := json.Unmarshal([]byte(signed), &a); err != nil {
		return nil, ErrNotCanonical.Because(err)
	}
	if err := json.Unmarshal([]byte(record), &b); err != nil {
		return nil, ErrNotCanonical.Because(err)
	}
	d := differ{}
	d.compare("", a, b)
	return d.found, nil
}

type differ struct{ found []Difference }

// nothing stands for what one side does not have; null is a value.
type nothing struct{}

func (d *differ) note(pointer string, a, b any) {
	if len(d.found) < maxDifferences {
		d.found = append(d.found, Difference{Pointer: pointer, Signed: shown(a), Record: shown(b)})
	}
}

func shown(v any) jsontext.Value {
	if v == any(nothing{}) {
		return nil
	}
	raw, err := json.Marshal(v, json.Deterministic(true))
	if err != nil || len(raw) > maxShown {
		return nil
	}
	return raw
}

func (d *differ) compare(pointer string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			d.members(pointer, x, y)
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			d.elements(pointer, x, y)
			return
		}
	}
	if !reflect.DeepEqual(a, b) {
		d.note(pointer, a, b)
	}
}

func (d *differ) members(pointer string, a, b map[string]any) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		at := pointer + "/" + escape.Replace(name)
		x, inA := a[name]
		y, inB := b[name]
		switch {
		case !inA:
			d.note(at, nothing{}, y)
		case !inB:
			d.note(at, x, nothing{})
		default:
			d.compare(at, x, y)
		}
	}
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// elements pairs those that are about the same thing.
func (d *differ) elements(pointer string, a, b []any) {
	place := make(map[string]int, len(b)) // of those of b that have no partner yet
	for i := range b {
		key := about(b[i])
		if _, twice := place[key]; !twice {
			place[key] = i
		}
	}
	paired := make([]bool, len(b))
	for i := range a {
		at := pointer + "/" + strconv.Itoa(i)
		k, ok := place[about(a[i])]
		if !ok || paired[k] {
			d.note(at, a[i], nothing{})
			continue
		}
		paired[k] = true
		if !reflect.DeepEqual(a[i], b[k]) {
			d.note(at, a[i], b[k])
		}
	}
	for k := range b {
		if !paired[k] {
			d.note(pointer+"/"+strconv.Itoa(k), nothing{}, b[k])
		}
	}
}

// about is what an element of a list is known by: itself for a text, its key for an answer, fact or finding.
func about(v any) string {
	switch v := v.(type) {
	case string:
		return "=" + v
	case map[string]any:
		var key strings.Builder
		id := "id"
		if rule, _ := v["rule"].(string); rule != "" { // a rule's finding is known by its rule, whatever its id
			id = "rule"
		}
		for _, name := range []string{"item", "name", id, "instance"} {
			text, _ := v[name].(string)
			key.WriteString(name + "=" + text + "\x1f")
		}
		return key.String()
	}
	return ""
}
