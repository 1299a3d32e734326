package simtest

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"slices"
	"time"

	"paicha/internal/store"
	fieldsync "paicha/sync"
	"paicha/sync/client"
)

type (
	object      map[string]any
	clientPhoto = client.Photo
)

func (w *world) item() object {
	return object{"item": fmt.Sprintf("part.q%d", w.r.IntN(4)), "result": []string{"conform", "nonconform"}[w.r.IntN(2)], "note": fmt.Sprint(w.steps)}
}

// act is something that a person does on a tablet.
func (w *world) act(t *tablet) {
	switch t.by.id {
	case "chief":
		w.supervise(t)
		return
	case "boss", "stat":
		w.react(t)
		return
	}
	known := w.inspections(t)
	one, ok := pick(w, known)
	switch k := w.r.IntN(10); {
	case !ok || k < 3:
		id := w.uuid().String()
		args := object{
			"header": object{
				"unit": object{"id": "mine-1"}, "region": t.by.region, "sectors": []string{"coal-mine"}, "mode": "unannounced",
				"pack": object{"id": "none@1"}, "startedAt": w.now,
			},
			"team": []string{t.by.id, t.by.partner}, "answers": []object{w.item()},
			"findings": []object{{"id": w.uuid().String(), "class": "general", "title": "问题", "explanation": "有问题"}},
		}
		if w.chance(0.4) {
			if hash := w.addPhoto(t, id); hash != "" {
				args["photos"] = []object{{"sha256": hash}}
			}
		}
		w.do(t, "inspection.save", fieldsync.DocRef{Kind: "inspection", ID: id}, args)
	case k < 7:
		w.do(t, "inspection.save", one, object{"answers": []object{w.item()}})
	case k < 9:
		w.do(t, "inspection.submit", one, object{"signatures": []object{{"name": "王", "role": "inspector"}}})
	case w.chance(0.5):
		w.do(t, "inspection.amend", one, object{"reason": "更正", "answers": []object{w.item()}, "signatures": []object{{"name": "王", "role": "inspector"}}})
	default: // what no server knows
		w.do(t, "inspection.nonsense", one, object{})
	}
}

// inspections are those that a tablet knows: its own, begun or received.
func (w *world) inspections(t *tablet) (out []fieldsync.DocRef) {
	for _, d := range t.Replica().Docs() {
		if d.Kind == "inspection" {
			out = append(out, d.Ref())
		}
	}
	for _, m := range t.Outbox().All() {
		if m.Doc.Kind == "inspection" && !slices.Contains(out, m.Doc) {
			out = append(out, m.Doc)
		}
	}
	return out
}

func (w *world) hazard(t *tablet) (fieldsync.DocRef, bool) {
	var out []fieldsync.DocRef
	for _, d := range t.Replica().Docs() {
		if d.Kind == "hazard" {
			out = append(out, d.Ref())
		}
	}
	return pick(w, out)
}

// supervise is what a supervisor does: about hazards, and about what waits in quarantine.
func (w *world) supervise(t *tablet) {
	if w.chance(0.3) {
		w.decide(t)
		return
	}
	doc, ok := w.hazard(t)
	if !ok {
		return
	}
	switch w.r.IntN(5) {
	case 0:
		w.do(t, "hazard.confirm", doc, object{})
	case 1:
		w.do(t, "hazard.withdraw", doc, object{"reason": "不属实"})
	case 2:
		w.do(t, "hazard.accept", doc, object{"note": "同意"})
	case 3:
		w.do(t, "hazard.reject", doc, object{"reason": "不合格"})
	case 4:
		w.do(t, "hazard.regrade", doc, object{"class": "major", "reason": "重大"})
	}
}

// decide ends one quarantine that the tablet shows as waiting.
func (w *world) decide(t *tablet) bool {
	for _, d := range t.Replica().Docs() {
		var q struct{ State string }
		if d.Kind != "quarantine" || parse(d.Body, &q) != nil || q.State != "waiting" || w.decided(t, d.ID) {
			continue
		}
		if w.chance(0.6) {
			w.do(t, "quarantine.release", d.Ref(), object{"reason": "属实"})
		} else {
			w.do(t, "quarantine.dismiss", d.Ref(), object{"reason": "重复"})
		}
		return true
	}
	return false
}

// decided reports whether the tablet has a decision about it on its way.
func (w *world) decided(t *tablet, id string) bool {
	return slices.ContainsFunc(t.Outbox().Waiting(), func(m client.Queued) bool { return m.Doc.ID == id })
}

// setAside is what a person does about work on a record that will never come: it was dismissed, or its author's
// tablet may not bring it again after the server lost it.
func (w *world) setAside(t *tablet) (done bool) {
	for _, m := range t.Outbox().Waiting() {
		if w.model.Doc(store.Ref{Kind: m.Doc.Kind, ID: m.Doc.ID}).Rev > 0 {
			continue
		}
		if err := t.SetAside(m.ID); err != nil {
			w.breaks("P7", "%s cannot set %s aside: %v", t.name, m.ID, err)
		}
		done = true
	}
	return done
}

// react is what an enterprise does about its hazards; others only look.
func (w *world) react(t *tablet) {
	doc, ok := w.hazard(t)
	if !ok || t.by.id != "boss" {
		return
	}
	if w.chance(0.5) {
		w.do(t, "hazard.rectify", doc, object{"note": "已整改"})
		return
	}
	w.do(t, "hazard.plan", doc, object{"fixings": object{
		"responsible": "张", "measures": "修", "funds": "1万", "deadline": w.now.Add(240 * time.Hour), "contingency": "预案",
	}})
}

// addPhoto takes a photo for an inspection; "" if it was not saved.
func (w *world) addPhoto(t *tablet, inspection string) (hash string) {
	w.ids++
	img := image.NewGray(image.Rect(0, 0, 24, 24))
	for i := range img.Pix {
		img.Pix[i] = uint8(w.r.Uint32())
	}
	img.Pix[0], img.Pix[1] = uint8(w.ids), uint8(w.ids>>8)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	w.using(t, func() {
		h, err := t.AddPhoto(client.NewPhoto{Inspection: inspection, Type: "image/png"}, b.Bytes())
		if err == nil {
			hash = h
			w.photos = append(w.photos, madePhoto{inspection, h, b.Bytes()})
		}
	})
	return hash
}
