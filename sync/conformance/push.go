package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
)

func oneBad(ctx context.Context, w *world) error {
	good, other := w.begin(w.NewID()), w.begin(w.NewID())
	utf8 := []byte(`{"id":"` + w.NewID() + `","name":"inspection.save","doc":{"kind":"inspection","id":"` + w.NewID() + `"},"args":{"note":"` + "\xff\xfe" + `"}}`)
	twice := []byte(`{"id":"` + w.NewID() + `","name":"inspection.save","name":"inspection.submit","doc":{"kind":"inspection","id":"` + w.NewID() + `"},"args":{}}`)
	body := bytes.Join([][]byte{
		[]byte(`{"epoch":"` + w.inspector.epoch + `","device":"` + w.inspector.device + `","deviceTime":"` + w.inspector.now() + `","mutations":[`),
		bytes.Join([][]byte{good, utf8, twice, other}, []byte{','}), []byte(`]}`),
	}, nil)
	a, err := w.inspector.post(ctx, "/sync/push", body)
	if err != nil {
		return err
	}
	rs := list(a.json, "results")
	if len(rs) != 4 {
		return expect(false, "four mutations, two of them broken, are answered by %v", a)
	}
	got := []string{text(rs[0], "status"), text(rs[1], "status"), text(rs[2], "status"), text(rs[3], "status")}
	return expect(got[0] == "applied" && got[1] == "rejected" && got[2] == "rejected" && got[3] == "applied" &&
		text(rs[0], "id") == idOf(good) && text(rs[3], "id") == idOf(other), "the results are %s", compact(rs))
}

func idOf(mutation []byte) string {
	var m struct{ ID string }
	if json.Unmarshal(mutation, &m) != nil {
		return ""
	}
	return m.ID
}

func duplicate(ctx context.Context, w *world) error {
	m := w.begin(w.NewID())
	first, err := w.inspector.results(ctx, m)
	if err != nil {
		return err
	}
	again, err := w.inspector.results(ctx, m)
	if err != nil {
		return err
	}
	return expect(text(first[0], "status") == "applied" && text(again[0], "status") == "duplicate" && text(again[0], "first") == "applied" &&
		number(again[0], "rev") == number(first[0], "rev"), "first %s, then %s", compact(first[0]), compact(again[0]))
}

func reused(ctx context.Context, w *world) error {
	m := w.begin(w.NewID())
	if _, err := w.inspector.results(ctx, m); err != nil {
		return err
	}
	other := bytes.Replace(m, []byte(`"unannounced"`), []byte(`"routine"`), 1)
	rs, err := w.inspector.results(ctx, other)
	if err != nil {
		return err
	}
	return expect(text(rs[0], "status") == "rejected" && text(rs[0], "problem", "code") == "sync.mutation_reused", "%s", compact(rs[0]))
}

func laterOfRoot(ctx context.Context, w *world) error {
	id, err := w.begun(ctx)
	if err != nil {
		return err
	}
	t := w.inspector
	bad := t.mutation("inspection.nonsense", "inspection", id, object{})
	later := t.mutation("inspection.save", "inspection", id, object{"answers": []object{w.answered(1, "conform")}})
	other := w.begin(w.NewID())
	rs, err := t.results(ctx, bad, later, other)
	if err != nil {
		return err
	}
	if err := expect(text(rs[0], "status") == "rejected" && text(rs[1], "status") == "blocked" && text(rs[1], "next") == "keep" &&
		text(rs[2], "status") == "applied", "%s", compact(rs)); err != nil {
		return err
	}
	rs, err = t.results(ctx, later)
	if err != nil {
		return err
	}
	return expect(text(rs[0], "status") == "applied", "sent again alone, the later one is %s", compact(rs[0]))
}

func absentAndForeign(ctx context.Context, w *world) error {
	if _, err := w.inspector.do(ctx, "blocked", "inspection.amend", "inspection", w.NewID(), object{"reason": "更正", "answers": []object{w.answered(0, "conform")}}); err != nil {
		return err
	}
	id := w.NewID()
	alone := w.inspector.mutation("inspection.save", "inspection", id, object{"header": w.header(), "team": []string{w.inspector.user}, "answers": []object{}})
	if _, err := w.inspector.results(ctx, alone); err != nil {
		return err
	}
	r, err := w.colleague.do(ctx, "rejected", "inspection.save", "inspection", id, object{"answers": []object{w.answered(0, "conform")}})
	if err != nil {
		return err
	}
	return expect(text(r, "problem", "code") == "sync.forbidden", "%s", compact(r))
}

func brokenBody(ctx context.Context, w *world) error {
	id := w.NewID()
	m := w.inspector.mutation("inspection.save", "inspection", id, object{"header": w.header(), "answers": []object{}})
	whole := object{"epoch": w.inspector.epoch, "device": w.inspector.device, "mutations": []json.RawMessage{m}}.bytes()
	a, err := w.inspector.post(ctx, "/sync/push", []byte(whole[:len(whole)-2]))
	if err != nil {
		return err
	}
	if a.status != http.StatusBadRequest || a.code() != "sync.body" {
		return expect(false, "half a body is answered by %v", a)
	}
	c, err := w.seen(ctx, w.inspector, "inspection", id)
	if err != nil {
		return err
	}
	if c != nil {
		return expect(false, "something of half a body was processed: %s", compact(c))
	}
	rs, err := w.inspector.results(ctx, m)
	if err != nil {
		return err
	}
	return expect(text(rs[0], "status") == "applied", "sent whole it is %s", compact(rs[0]))
}

func odd(ctx context.Context, w *world) error {
	id, h := w.NewID(), w.header()
	h["pack"] = object{"id": "conformance@1999.9"}
	save := w.inspector.mutation("inspection.save", "inspection", id, object{"header": h, "answers": []object{{"item": "x.y", "result": "conform"}}})
	rs, err := w.inspector.results(ctx, save, w.submit(id))
	if err != nil {
		return err
	}
	if err := expect(text(rs[0], "status") == "applied" && text(rs[1], "status") == "applied", "with an unknown checklist: %s", compact(rs)); err != nil {
		return err
	}
	c, err := w.seen(ctx, w.inspector, "inspection", id)
	if err != nil {
		return err
	}
	return expect(truth(c, "body", "unjudged"), "the record with an unknown checklist does not say unjudged: %s", compact(c))
}

func impossibleTime(ctx context.Context, w *world) error {
	for _, when := range []string{"1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"} {
		if _, err := w.inspector.do(ctx, "applied", "inspection.save", "inspection", w.NewID(), object{"header": w.header(), "answers": []object{}},
			object{"at": when}); err != nil {
			return err
		}
	}
	return nil
}

func effects(ctx context.Context, w *world) error {
	id, err := w.submitted(ctx)
	if err != nil {
		return err
	}
	changes, _, err := w.supervisor.drain(ctx, w.cursors[w.supervisor.login])
	if err != nil {
		return err
	}
	if pending := at(find(changes, "inspection", id), "body", "pendingEffects"); pending != nil {
		return expect(false, "after the answer the inspection still has pending effects: %s", compact(pending))
	}
	for _, c := range changes {
		if text(c, "kind") == "hazard" && text(c, "body", "inspection") == id {
			return nil
		}
	}
	return expect(false, "the finding of a submitted inspection is no hazard after the answer")
}

// forked makes a mutation with the number of the last one, as a cloned tablet does, and returns the result.
func (w *world) forked(ctx context.Context, t *tablet) (id string, result any, err error) {
	doc := w.NewID()
	whole := object{"header": w.header(), "answers": []object{}}
	if _, err = t.do(ctx, "applied", "inspection.save", "inspection", w.NewID(), whole); err != nil {
		return "", nil, err
	}
	n, prev := t.n, t.prev
	t.n--
	clone := t.mutation("inspection.save", "inspection", doc, whole)
	t.n, t.prev = n, prev
	rs, err := t.results(ctx, clone)
	if err != nil {
		return "", nil, err
	}
	return idOf(clone), rs[0], nil
}

func fork(ctx context.Context, w *world) error {
	t, err := w.enrol(ctx, w.Accounts.Inspector) // a device that is forked from now on
	if err != nil {
		return err
	}
	_, r, err := w.forked(ctx, t)
	if err != nil {
		return err
	}
	return expect(text(r, "status") == "quarantined" && text(r, "problem", "code") == "sync.forked", "a number with two ids is answered by %s", compact(r))
}

func gap(ctx context.Context, w *world) error {
	t, err := w.enrol(ctx, w.Accounts.Inspector)
	if err != nil {
		return err
	}
	whole := object{"header": w.header(), "answers": []object{}}
	if _, err := t.do(ctx, "applied", "inspection.save", "inspection", w.NewID(), whole); err != nil {
		return err
	}
	late := t.mutation("inspection.save", "inspection", w.NewID(), whole)
	urgent := t.mutation("inspection.save", "inspection", w.NewID(), whole)
	rs, err := t.results(ctx, urgent)
	if err != nil {
		return err
	}
	if text(rs[0], "status") != "blocked" || text(rs[0], "problem", "code") != "sync.gap" {
		return expect(false, "a mutation beyond a gap is answered by %s", compact(rs[0]))
	}
	a, err := t.post(ctx, "/sync/push", object{
		"epoch": t.epoch, "device": t.device, "deviceTime": t.now(), "mutations": []json.RawMessage{urgent},
		"links": []object{{"n": t.n - 1, "id": idOf(late)}},
	}.bytes())
	if err != nil {
		return err
	}
	if text(a.json, "results", 0, "status") != "applied" {
		return expect(false, "with the gap linked it is answered by %v", a)
	}
	rs, err = t.results(ctx, late)
	if err != nil {
		return err
	}
	return expect(text(rs[0], "status") == "applied", "the linked one, sent later, is %s", compact(rs[0]))
}

func deviceKey(ctx context.Context, w *world) error {
	t := w.colleague
	body := object{"epoch": t.epoch, "device": t.device, "deviceTime": t.now(), "mutations": []json.RawMessage{}}.bytes()
	sum := sha256.Sum256(body)
	sig, err := t.sign("paicha-request-v1\nPOST\n/api/v1/sync/push\n" + hex.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	good, err := t.post(ctx, "/sync/push", body, "X-Paicha-Device", t.device, "X-Paicha-Signature", sig)
	if err != nil {
		return err
	}
	bad, err := t.post(ctx, "/sync/push", []byte(string(body)+" "), "X-Paicha-Device", t.device, "X-Paicha-Signature", sig)
	if err != nil {
		return err
	}
	pull, err := t.post(ctx, "/sync/pull", body, "X-Paicha-Device", t.device, "X-Paicha-Signature", sig)
	if err != nil {
		return err
	}
	if err := expect(good.status == http.StatusOK && bad.status == http.StatusUnauthorized && pull.status == http.StatusUnauthorized,
		"signed %v, with another body %v, a pull %v", good, bad, pull); err != nil {
		return err
	}
	return handIn(ctx, t)
}

// handIn asks for a token to hand in with, of now and of long ago, and tries what it opens.
func handIn(ctx context.Context, t *tablet) error {
	ask := func(at any) (answer, error) {
		body := object{"serverTime": at}.bytes()
		sum := sha256.Sum256(body)
		sig, err := t.sign("paicha-request-v1\nPOST\n/api/v1/auth/hand-in\n" + hex.EncodeToString(sum[:]))
		if err != nil {
			return answer{}, err
		}
		return t.post(ctx, "/auth/hand-in", body, "X-Paicha-Device", t.device, "X-Paicha-Signature", sig)
	}
	stale, err := ask("2020-01-01T00:00:00Z")
	if err != nil {
		return err
	}
	good, err := ask(t.now())
	if err != nil {
		return err
	}
	token := text(good.json, "accessToken")
	if err := expect(stale.status == http.StatusUnauthorized && good.status == http.StatusOK && token != "",
		"a hand-in of 2020 %v, one of now %v", stale, good); err != nil {
		return err
	}
	pull, err := t.post(ctx, "/sync/pull", []byte("{}"), "Authorization", "Bearer "+token)
	if err != nil {
		return err
	}
	return expect(pull.status == http.StatusForbidden, "a pull with the token of a hand-in %v", pull)
}

func quarantineEnds(ctx context.Context, w *world) error {
	t, err := w.enrol(ctx, w.Accounts.Inspector)
	if err != nil {
		return err
	}
	for i, end := range []struct {
		command string
		args    object
	}{{"quarantine.release", object{"reason": "核对无误"}}, {"quarantine.dismiss", object{"reason": "重复的内容"}}} {
		id, r, err := w.forked(ctx, t)
		if err != nil {
			return err
		}
		if text(r, "status") != "quarantined" {
			return notSeen("nothing could be brought into quarantine: " + compact(r))
		}
		c, err := w.seen(ctx, w.supervisor, "quarantine", id)
		if err != nil {
			return err
		}
		if c == nil {
			return expect(false, "the supervisor does not have the quarantined mutation")
		}
		if _, err := w.supervisor.do(ctx, "applied", end.command, "quarantine", id, end.args); err != nil {
			return err
		}
		changes, _, err := w.inspector.drain(ctx, w.cursors[w.inspector.login])
		if err != nil {
			return err
		}
		there := find(changes, "inspection", text(c, "body", "doc", "id")) != nil
		if there != (i == 0) {
			return expect(false, "after %s the quarantined record is there: %t", end.command, there)
		}
	}
	return nil
}

func conflict(ctx context.Context, w *world) error {
	id, err := w.begun(ctx)
	if err != nil {
		return err
	}
	base := object{"baseRev": 1}
	if _, err := w.inspector.do(ctx, "applied", "inspection.save", "inspection", id, object{"answers": []object{w.answered(0, "conform")}}, base); err != nil {
		return err
	}
	r, err := w.colleague.do(ctx, "conflict", "inspection.save", "inspection", id, object{"answers": []object{w.answered(0, "nonconform")}}, base)
	if err != nil {
		return err
	}
	c, err := w.seen(ctx, w.inspector, "inspection", id)
	if err != nil {
		return err
	}
	kept := mustJSON(at(c, "body", "conflicts"))
	return expect(text(r, "problem", "code") == "sync.conflict" && bytes.Contains([]byte(kept), []byte("nonconform")),
		"%s; conflicts %s", compact(r), kept)
}

func proposal(ctx context.Context, w *world) error {
	id, err := w.submitted(ctx)
	if err != nil {
		return err
	}
	r, err := w.colleague.do(ctx, "conflict", "inspection.save", "inspection", id, object{"answers": []object{w.answered(1, "nonconform")}}, object{"baseRev": 1})
	if err != nil {
		return err
	}
	c, err := w.seen(ctx, w.colleague, "inspection", id)
	if err != nil {
		return err
	}
	return expect(text(r, "problem", "code") == "sync.proposal" && text(r, "next") == "remove" && len(list(c, "body", "proposals")) == 1,
		"%s; proposals %s", compact(r), compact(at(c, "body", "proposals")))
}

func badSignature(ctx context.Context, w *world) error {
	id, err := w.begun(ctx, w.answered(0, "conform"))
	if err != nil {
		return err
	}
	rs, err := w.inspector.results(ctx, w.submit(id, object{"signed": object{
		"content": `{"a":1}`, "signature": object{"alg": "ES256", "value": "MEUCIQ=="},
	}}))
	if err != nil {
		return err
	}
	return expect(text(rs[0], "status") == "rejected", "a submission with a false signature is answered by %s", compact(rs[0]))
}
