package checklist

import (
	"maps"
	"slices"
)

// applicable tells how far a world has come to the rule and to what was answered of the items that it hangs on: no
// ends a search.
func (c *cases) applicable(w *world) truth {
	w.settle(nil)
	out := yes
	if c.rule.applies != nil {
		out = w.cel(c.rule.applies)
	}
	for _, i := range c.closure {
		code := c.pack.items[i].Code
		if _, ok := w.given[code]; !ok && !(slices.Contains(c.reads, code) && !c.tallies()) {
			continue
		}
		switch w.cel(c.pack.whens[i]) {
		case no:
			return no
		case unknowable:
			if out == yes {
				out = unknowable
			}
		}
	}
	return out
}

func (c *cases) tallies() bool {
	return slices.ContainsFunc(c.conditions, func(c Condition) bool { return c.Tally != "" })
}

// search looks for a world in which the rule applies, with everything that it hangs on, and reached says so.
func (c *cases) search(reached func(*world) bool) *world {
	w := &world{pack: c.pack, members: c.members, facts: Facts{}, given: map[ItemCode]given{}}
	budget := 20000
	var answer func(k int) bool
	answer = func(k int) bool {
		if budget--; budget < 0 || c.applicable(w) == no {
			return false
		}
		if k == len(c.steering) {
			return c.applicable(w) == yes && reached(w)
		}
		it := c.pack.Item(c.steering[k])
		for _, g := range c.pool.answers(it) {
			w.given[it.Code] = g
			if answer(k + 1) {
				return true
			}
		}
		delete(w.given, it.Code)
		return answer(k + 1)
	}
	var know func(k int) bool
	know = func(k int) bool {
		if budget--; budget < 0 || c.applicable(w) == no {
			return false
		}
		if k == len(c.facts) {
			return answer(0)
		}
		f := c.pack.factIndex[c.facts[k]]
		for _, v := range c.pool.facts(f) {
			w.facts[f.Code] = v
			if know(k + 1) {
				return true
			}
		}
		delete(w.facts, f.Code)
		return false
	}
	if !know(0) {
		return nil
	}
	return w
}

// holding is a world in which the rule must raise; nil where none was found.
func (c *cases) holding() *world {
	if len(c.conditions) == 0 {
		return c.search(func(w *world) bool { return c.complete(w, c.reads) })
	}
	return c.search(func(w *world) bool {
		before := maps.Clone(w.given)
		for _, condition := range c.conditions {
			if !c.meet(w, condition) {
				w.given = before
				return false
			}
		}
		if c.judged(w) == yes {
			return true
		}
		w.given = before
		return false
	})
}

// judged is the truth of all conditions of a world that applies.
func (c *cases) judged(w *world) truth {
	w.settle(c.closure)
	if len(c.conditions) == 0 {
		return w.cel(c.rule.when)
	}
	out := yes
	for _, condition := range c.conditions {
		switch w.holds(condition) {
		case no:
			return no
		case unknowable:
			out = unknowable
		}
	}
	return out
}

// complete answers what a rule that is given as CEL reads, until it holds.
func (c *cases) complete(w *world, reads []ItemCode) bool {
	budget := 3000
	var try func(k int) bool
	try = func(k int) bool {
		if budget--; budget < 0 {
			return false
		}
		switch c.judged(w) {
		case yes:
			return true
		case no:
			return false
		}
		if k == len(reads) {
			return false
		}
		if _, ok := w.given[reads[k]]; ok {
			return try(k + 1)
		}
		for _, g := range c.pool.answers(c.pack.Item(reads[k])) {
			w.given[reads[k]] = g
			if try(k + 1) {
				return true
			}
		}
		delete(w.given, reads[k])
		return try(k + 1)
	}
	return try(0)
}

// meet answers the items of a condition so that it holds.
func (c *cases) meet(w *world, condition Condition) bool {
	if condition.Tally != "" {
		for _, m := range c.members[condition.Tally] {
			if w.settle(c.closure); w.holds(condition) == yes {
				break
			}
			_ = slices.ContainsFunc(m.Any, func(one Condition) bool { return c.meet(w, one) })
		}
		return w.holds(condition) == yes
	}
	if condition.Than != "" {
		if _, ok := w.given[condition.Than]; !ok {
			w.given[condition.Than] = measured(c.pack.Item(condition.Than), 100)
		}
	}
	if w.settle(c.closure); w.holds(condition) == yes {
		return true
	}
	old, ok := w.given[condition.Item]
	if !ok || !slices.Contains(c.steering, condition.Item) {
		for _, g := range c.pool.answers(c.pack.Item(condition.Item)) {
			w.given[condition.Item] = g
			if w.settle(c.closure); w.holds(condition) == yes {
				return true
			}
		}
	}
	if delete(w.given, condition.Item); ok {
		w.given[condition.Item] = old
	}
	return false
}
