package conformance

import "encoding/json"

// object is JSON made by hand: nothing here shares a type with the server.
type object map[string]any

func (o object) bytes() json.RawMessage {
	b, err := json.Marshal(o)
	if err != nil {
		panic("conformance: " + err.Error()) // maps, texts and numbers: cannot fail
	}
	return b
}

// at walks into objects by names and into arrays by numbers; nil where there is nothing.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			a, _ := v.([]any)
			if p >= len(a) {
				return nil
			}
			v = a[p]
		}
	}
	return v
}

func text(v any, path ...any) string {
	s, _ := at(v, path...).(string)
	return s
}

func number(v any, path ...any) float64 {
	f, _ := at(v, path...).(float64)
	return f
}

func truth(v any, path ...any) bool {
	b, _ := at(v, path...).(bool)
	return b
}

func list(v any, path ...any) []any {
	a, _ := at(v, path...).([]any)
	return a
}

// has reports whether an array holds a text.
func has(a []any, s string) bool {
	for _, v := range a {
		if v == s {
			return true
		}
	}
	return false
}

// compact is a value as a report shows it.
func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if len(b) > 300 {
		b = b[:300]
	}
	return string(b)
}
