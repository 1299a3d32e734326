package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// replica is a strange tablet's own: what it holds, by kind and id.
type replica map[[2]string]any

func (r replica) apply(changes []any) {
	for _, c := range changes {
		key := [2]string{text(c, "kind"), text(c, "id")}
		if text(c, "removed") != "" {
			delete(r, key)
		} else {
			r[key] = c
		}
	}
}

// sums adds up what the replica holds through each of the tokens (section 6.2).
func (r replica) sums(tokens []string) []object {
	out := make([]object, 0, len(tokens))
	for _, t := range tokens {
		count, sum := 0, uint64(0)
		for key, c := range r {
			if !has(list(c, "via"), t) {
				continue
			}
			h := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", key[0], key[1], uint64(number(c, "rev"))))
			count++
			sum += binary.BigEndian.Uint64(h[:])
		}
		out = append(out, object{"token": t, "count": count, "sum": fmt.Sprintf("%016x", sum)})
	}
	return out
}

func sums(ctx context.Context, w *world) error {
	t, held := w.colleague, replica{}
	changes, cursor, err := t.drain(ctx, "")
	if err != nil {
		return err
	}
	held.apply(changes)
	grants, err := w.grants(ctx, t)
	if err != nil {
		return err
	}
	ask := func() (state string, err error) {
		for range 5 {
			a, err := t.must(ctx, "/sync/check", object{"cursor": cursor, "sums": held.sums(grants)})
			if err != nil {
				return "", err
			}
			switch state = text(a, "state"); state {
			case "moved":
			case "differs":
				cursor = text(a, "cursor")
				return state, nil
			default:
				return state, nil
			}
			if changes, cursor, err = t.drain(ctx, cursor); err != nil {
				return "", err
			}
			held.apply(changes)
		}
		return state, notSeen("others write all the time: moved, five times")
	}
	state, err := ask()
	if err != nil {
		return err
	}
	if state != "equal" {
		return expect(false, "the sums of what was just pulled are answered by %q", state)
	}
	for key := range held {
		delete(held, key) // one document is lost
		break
	}
	if state, err = ask(); err != nil {
		return err
	}
	if state != "differs" {
		return expect(false, "the sums of a damaged replica are answered by %q", state)
	}
	if changes, cursor, err = t.drain(ctx, cursor); err != nil {
		return err
	}
	held.apply(changes)
	if state, err = ask(); err != nil {
		return err
	}
	return expect(state == "equal", "after the repair the sums are answered by %q", state)
}
