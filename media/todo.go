package media

import (
	"slices"
	"time"
)

// Todo is a photo that a supervisor sent back: the inspector is to take it again. It stands in the body of the evidence,
// so it reaches the team's tablets like any change, and it stays when it is done.
type Todo struct {
	SHA256 SHA256    `json:"sha256"`         // the photo that will not do
	Item   string    `json:"item,omitempty"` // the checklist item that it was taken for
	Remark string    `json:"remark"`         // why, for the inspector
	By     string    `json:"by"`             // user id of the supervisor
	At     time.Time `json:"at"`             // server time
	Done   *Done     `json:"done,omitempty"` // absent: still to do
}

// Done says how a Todo ended.
type Done struct {
	SHA256 *SHA256   `json:"sha256,omitempty"` // the photo that answered it; absent: the supervisor took it back
	At     time.Time `json:"at"`               // server time
}

// Ask adds work to do. Asked again for a photo while it is open, the newer words replace the older.
func (e Evidence) Ask(t Todo) Evidence {
	t.Item, t.Done = e.item(t.SHA256), nil
	e.Todo = slices.Clone(e.Todo)
	for i := range e.Todo {
		if e.Todo[i].SHA256 == t.SHA256 && e.Todo[i].Done == nil {
			e.Todo[i] = t
			return e
		}
	}
	e.Todo = append(e.Todo, t)
	return e
}

// TakeBack ends the open work about a photo without an answer.
func (e Evidence) TakeBack(h SHA256, at time.Time) Evidence {
	e.Todo = slices.Clone(e.Todo)
	for i := range e.Todo {
		if e.Todo[i].SHA256 == h && e.Todo[i].Done == nil {
			e.Todo[i].Done = &Done{At: at}
		}
	}
	return e
}

// Answer ends open work that a newer photo answers: one for the same checklist item that arrived after the photo was
// sent back. One photo answers once, the oldest work first.
func (e Evidence) Answer() Evidence {
	used := map[SHA256]bool{}
	for _, t := range e.Todo {
		if t.Done != nil && t.Done.SHA256 != nil {
			used[*t.Done.SHA256] = true
		}
	}
	todo := slices.Clone(e.Todo)
	for i := range todo {
		t := &todo[i]
		if t.Done != nil {
			continue
		}
		for _, a := range e.Arrived {
			if used[a.SHA256] || !a.At.After(t.At) || e.item(a.SHA256) != t.Item {
				continue
			}
			h := a.SHA256
			t.Done, used[h] = &Done{SHA256: &h, At: a.At}, true
			break
		}
	}
	e.Todo = todo
	return e
}

// Open counts what is still to do.
func (e Evidence) Open() int {
	n := 0
	for _, t := range e.Todo {
		if t.Done == nil {
			n++
		}
	}
	return n
}

// item is what a record says that a photo was taken for; empty if none does.
func (e Evidence) item(h SHA256) string {
	for _, w := range e.Wanted {
		if w.SHA256 == h {
			return w.Item
		}
	}
	return ""
}
