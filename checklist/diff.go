package checklist

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Change is one difference between two versions of a pack, as a person reviews it.
type Change struct {
	What   string        `json:"what"` // pack, standard, fact, item, tally, rule
	ID     string        `json:"id,omitempty"`
	Name   string        `json:"name,omitempty"` // in Chinese, where the thing has one
	Did    string        `json:"did"`            // added, removed, changed
	Fields []FieldChange `json:"fields,omitempty"`
	// Weaker marks what may let a hazard pass that was found before: a rule or item that is gone, a lower class, another
	// condition. 宁可抓重、不可抓漏: a reviewer looks at these first.
	Weaker bool `json:"weaker,omitempty"`
}

// FieldChange is one member that differs; Old or New is absent where it was not there.
type FieldChange struct {
	Field string          `json:"field"`
	Old   json.RawMessage `json:"old,omitempty"`
	New   json.RawMessage `json:"new,omitempty"`
}

// EncodeChanges writes a list of changes as JSON.
func EncodeChanges(changes []Change) ([]byte, error) {
	if changes == nil {
		changes = []Change{}
	}
	return raw(changes)
}

// part is one thing of a pack that is compared as a whole.
type part struct {
	what, id, name string
	fields         map[string]json.RawMessage
	class          Class
}

// Diff tells what differs from old to next, in the order of next, removed things last. old may be nil: then all is new.
func Diff(old, next *Pack) ([]Change, error) {
	type key struct{ what, id string }
	before := map[key]part{}
	var was []part
	if old != nil {
		var err error
		if was, err = old.parts(); err != nil {
			return nil, err
		}
		for _, p := range was {
			before[key{p.what, p.id}] = p
		}
	}
	is, err := next.parts()
	if err != nil {
		return nil, err
	}
	var out []Change
	for _, p := range is {
		o, there := before[key{p.what, p.id}]
		delete(before, key{p.what, p.id})
		if !there {
			out = append(out, Change{What: p.what, ID: p.id, Name: p.name, Did: "added"})
			continue
		}
		if fs := differing(o.fields, p.fields); len(fs) > 0 {
			out = append(out, Change{What: p.what, ID: p.id, Name: p.name, Did: "changed", Fields: fs, Weaker: weaker(o, p, fs)})
		}
	}
	for _, p := range was {
		if _, gone := before[key{p.what, p.id}]; gone {
			out = append(out, Change{What: p.what, ID: p.id, Name: p.name, Did: "removed", Weaker: p.what == "rule" || p.what == "item"})
		}
	}
	return out, nil
}

// weaker decides by what kind of member differs; whether another condition is really weaker only a person can tell.
func weaker(o, n part, fs []FieldChange) bool {
	if n.class.Rank() < o.class.Rank() {
		return true
	}
	return slices.ContainsFunc(fs, func(f FieldChange) bool {
		switch f.Field {
		case "when", "applies", "threshold", "while", "members":
			return true
		case "core":
			return len(f.New) == 0
		}
		return false
	})
}

// parts takes a pack apart.
func (p *Pack) parts() ([]part, error) {
	var out []part
	add := func(what, id, name string, class Class, v any) error {
		b, err := raw(v)
		if err != nil {
			return err
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(b, &fields); err != nil {
			return err
		}
		out = append(out, part{what, id, name, fields, class})
		return nil
	}
	head := struct {
		Version string     `json:"version"`
		Title   string     `json:"title"`
		Note    string     `json:"note,omitempty"`
		Sectors []Sector   `json:"sectors"`
		Order   []string   `json:"sections"`
		Omitted []Omission `json:"omitted,omitempty"`
	}{Version: p.Version, Title: p.Title, Note: p.Note, Sectors: p.Sectors, Omitted: p.Omitted}
	for _, s := range p.Sections {
		head.Order = append(head.Order, s.ID+" "+s.Title)
	}
	if err := add("pack", p.ID, p.Title, "", head); err != nil {
		return nil, err
	}
	for _, s := range p.Standards {
		if err := add("standard", string(s.ID), s.Title, "", s); err != nil {
			return nil, err
		}
	}
	for _, f := range p.Facts {
		if err := add("fact", string(f.Code), f.Text, "", f); err != nil {
			return nil, err
		}
	}
	for _, s := range p.Sections {
		for i := range s.Items {
			it := struct {
				*Item
				Section string `json:"section"`
			}{&s.Items[i], s.ID}
			if err := add("item", string(it.Code), it.Name, it.Class, it); err != nil {
				return nil, err
			}
		}
	}
	for i := range p.Tallies {
		if err := add("tally", string(p.Tallies[i].Code), p.Tallies[i].Text, "", &p.Tallies[i]); err != nil {
			return nil, err
		}
	}
	for i := range p.Rules {
		if err := add("rule", string(p.Rules[i].ID), "", p.Rules[i].Class, &p.Rules[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func differing(o, n map[string]json.RawMessage) []FieldChange {
	var names []string
	for f := range o {
		names = append(names, f)
	}
	for f := range n {
		if _, both := o[f]; !both {
			names = append(names, f)
		}
	}
	slices.Sort(names)
	var out []FieldChange
	for _, f := range names {
		if !bytes.Equal(o[f], n[f]) {
			out = append(out, FieldChange{Field: f, Old: o[f], New: n[f]})
		}
	}
	return out
}
