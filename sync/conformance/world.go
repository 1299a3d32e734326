package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// world is who takes part and what they work on.
type world struct {
	*Kit
	inspector, colleague, supervisor, enterprise *tablet

	region, unit, sector string
	pack, hash           string // the checklist of the sector in force
	items                []string
	stock                []any             // what the inspector was given at first
	cursors              map[string]string // of each person, after the first sync
}

// enter logs everybody in and looks for an enterprise with a checklist.
func (k *Kit) enter(ctx context.Context) (*world, error) {
	w := &world{Kit: k, cursors: map[string]string{}}
	var own []any
	for _, p := range []struct {
		who    **tablet
		login  Login
		stored *[]any
	}{
		{&w.inspector, k.Accounts.Inspector, &w.stock},
		{&w.colleague, k.Accounts.Colleague, nil},
		{&w.supervisor, k.Accounts.Supervisor, nil},
		{&w.enterprise, k.Accounts.Enterprise, &own},
	} {
		t, err := k.enrol(ctx, p.login)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.login.Login, err)
		}
		changes, cursor, err := t.drain(ctx, "")
		if err != nil {
			return nil, err
		}
		*p.who, w.cursors[p.login.Login] = t, cursor
		if p.stored != nil {
			*p.stored = changes
		}
	}
	unit := find(own, "enterprise", "")
	w.unit, w.region = text(unit, "id"), text(unit, "body", "region")
	for _, c := range w.stock {
		if text(c, "kind") != "pack" {
			continue
		}
		for _, s := range list(c, "body", "pack", "sectors") {
			if has(list(unit, "body", "sectors"), fmt.Sprint(s)) && w.pack == "" {
				w.sector, w.pack, w.hash = fmt.Sprint(s), text(c, "id"), text(c, "body", "hash")
				w.items = itemsOf(at(c, "body", "pack"))
			}
		}
	}
	if w.unit == "" || len(w.items) < 3 {
		return nil, errors.New("the enterprise's account shows no enterprise, or the inspector has no checklist for its sector")
	}
	return w, nil
}

// itemsOf are the codes of a checklist's plain questions.
func itemsOf(pack any) []string {
	var out []string
	for _, s := range list(pack, "sections") {
		for _, i := range list(s, "items") {
			if text(i, "kind") == "conform" && text(i, "place") == "" {
				out = append(out, text(i, "code"))
			}
		}
	}
	return out
}

// header begins a record.
func (w *world) header() object {
	return object{
		"unit": object{"id": w.unit, "name": "符合性检验"}, "region": w.region, "sectors": []string{w.sector}, "mode": "unannounced",
		"pack": object{"id": w.pack, "hash": w.hash}, "startedAt": w.inspector.now(),
	}
}

// answered is one answer to a plain question.
func (w *world) answered(i int, result string) object {
	return object{"item": w.items[i%len(w.items)], "result": result}
}

// begin makes the mutation that begins an inspection of both inspectors.
func (w *world) begin(id string, answers ...object) []byte {
	if answers == nil {
		answers = []object{}
	}
	return w.inspector.mutation("inspection.save", "inspection", id, object{
		"header": w.header(), "team": []string{w.inspector.user, w.colleague.user}, "answers": answers,
	})
}

// begun begins an inspection and returns its id.
func (w *world) begun(ctx context.Context, answers ...object) (string, error) {
	id := w.NewID()
	rs, err := w.inspector.results(ctx, w.begin(id, answers...))
	if err != nil {
		return "", err
	}
	return id, expect(text(rs[0], "status") == "applied", "a first save is answered by %s", compact(rs[0]))
}

// finding is something that the inspector saw, whatever the checklist says: it becomes a hazard at submission.
func (w *world) finding() object {
	return object{"id": w.NewID(), "class": "general", "title": "符合性检验", "explanation": "符合性检验所记的问题"}
}

// submitted begins an inspection with one finding and submits it.
func (w *world) submitted(ctx context.Context) (string, error) {
	id := w.NewID()
	save := w.inspector.mutation("inspection.save", "inspection", id, object{
		"header": w.header(), "team": []string{w.inspector.user, w.colleague.user}, "answers": []object{w.answered(0, "conform")},
		"findings": []object{w.finding()},
	})
	rs, err := w.inspector.results(ctx, save, w.submit(id))
	if err != nil {
		return "", err
	}
	return id, expect(text(rs[0], "status") == "applied" && text(rs[1], "status") == "applied", "save and submission are answered by %s", compact(rs))
}

func (w *world) submit(id string, more ...object) []byte {
	args := object{"signatures": []object{{"name": "检验员", "role": "inspector"}}}
	for _, o := range more {
		for k, v := range o {
			args[k] = v
		}
	}
	return w.inspector.mutation("inspection.submit", "inspection", id, args)
}

// seen is a document as somebody sees it now; nil if not at all.
func (w *world) seen(ctx context.Context, by *tablet, kind, id string) (any, error) {
	changes, _, err := by.drain(ctx, w.cursors[by.login])
	if err != nil {
		return nil, err
	}
	c := find(changes, kind, id)
	if text(c, "removed") != "" {
		return nil, nil
	}
	return c, nil
}

// grants are the tokens that somebody holds.
func (w *world) grants(ctx context.Context, t *tablet) ([]string, error) {
	h, err := t.must(ctx, "/sync/hello", t.hello())
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range list(h, "grants") {
		out = append(out, text(g, "token"))
	}
	slices.Sort(out)
	return out, nil
}
