package audit

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paicha/internal/store"
)

// source says where a kind of document keeps its history: the list in the body, oldest entry first, and which members of
// an entry never change (none named: all of them).
type source struct {
	list string
	keep []string
	once string // the searchable value from which on entries are only added; empty: they always are
}

// sources are the kinds with a history. An entry of one of these lists is only ever added; of evidence since it belongs
// to a record: what strangers sent before that one came is taken out then.
var sources = map[store.Kind]source{
	"inspection":  {list: "history"},
	"hazard":      {list: "history"},
	"publication": {list: "history"},
	"standard":    {list: "history"},
	"evidence":    {list: "received", keep: []string{"sha256", "size", "at", "by", "device"}, once: "of"},
}

// Kinds are the kinds whose histories are logged, sorted.
func Kinds() []store.Kind { return slices.Sorted(maps.Keys(sources)) }

// Logged reports whether documents of that kind have a history that is logged.
func Logged(k store.Kind) bool { _, ok := sources[k]; return ok }

// lasting reports whether entries of the document are only added from now on.
func lasting(d store.Doc) bool {
	name := sources[d.Kind].once
	_, has := d.Fields[name]
	return name == "" || has
}

// History returns the entries of a document's history, canonical, oldest first; none for a kind without one. ErrEntries
// if the body cannot be read.
func History(k store.Kind, body []byte) ([]jsontext.Value, error) {
	from, ok := sources[k]
	if !ok {
		return nil, nil
	}
	lists := struct {
		History  []jsontext.Value `json:"history"`
		Received []jsontext.Value `json:"received"`
	}{}
	if err := json.Unmarshal(body, &lists); err != nil {
		return nil, ErrEntries.Because(err)
	}
	entries := lists.History
	if from.list == "received" {
		entries = lists.Received
	}
	for i, e := range entries {
		if from.keep != nil {
			var err error
			if e, err = only(e, from.keep); err != nil {
				return nil, err
			}
		}
		c, err := canonical(e)
		if err != nil {
			return nil, err
		}
		entries[i] = c
	}
	return entries, nil
}

// only leaves the named members of an object.
func only(e jsontext.Value, names []string) (jsontext.Value, error) {
	all := map[string]jsontext.Value{}
	if err := json.Unmarshal(e, &all); err != nil {
		return nil, ErrEntries.Because(err)
	}
	maps.DeleteFunc(all, func(name string, _ jsontext.Value) bool { return !slices.Contains(names, name) })
	out, err := json.Marshal(all)
	if err != nil {
		return nil, ErrEntries.Because(err)
	}
	return out, nil
}
