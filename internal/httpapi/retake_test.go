package httpapi

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/media"
	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/google/uuid"
)

func shade(t *testing.T, v uint8) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 40, 30))
	for i := range img.Pix {
		img.Pix[i] = v
	}
	img.SetGray(1, 1, color.Gray{Y: 255 - v})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRetakeComesBackAsWork: a supervisor sends a photo back, the inspector's tablet shows it as work to do, an amendment
// with a better photo of the same item answers it, and the supervisor sees both.
func TestRetakeComesBackAsWork(t *testing.T) {
	s := newSite(t)
	wang := s.tablet("wang", inspectorOf("532504"))
	chief := s.tablet("chief", directory.User{
		Roles:  []directory.Role{directory.RoleSupervisor},
		Grants: []directory.Grant{{Token: "532504", Role: directory.RoleSupervisor, Reason: directory.ReasonPost}},
	})
	id := uuid.Must(uuid.NewV7()).String()
	ref := fieldsync.DocRef{Kind: inspection.Kind, ID: id}
	shown := func(photo []byte) inspection.SaveArgs {
		return inspection.SaveArgs{
			Answers: []inspection.Answer{{Item: "license.layer", Result: inspection.Nonconform, Photos: []inspection.Hash{media.Sum(photo)}}},
			Photos:  []inspection.Photo{{SHA256: media.Sum(photo)}},
		}
	}
	take := func(photo []byte) {
		t.Helper()
		if _, err := wang.AddPhoto(client.NewPhoto{Inspection: id, Type: "image/png"}, photo); err != nil {
			t.Fatal(err)
		}
	}
	dark, clear := shade(t, 3), shade(t, 120)
	begun := shown(dark)
	begun.Header = &inspection.Header{
		Unit: inspection.Unit{ID: "mine-1", Name: "示范煤矿一号"}, Region: "532504", Sectors: []inspection.Sector{"coal-mine"},
		Mode: inspection.Unannounced, Pack: inspection.PackRef{ID: "coal-mine@2023.1"}, StartedAt: time.Now(),
	}
	if _, err := wang.Save("inspection.save", ref, begun); err != nil {
		t.Fatal(err)
	}
	take(dark)
	m, err := wang.Submit(id, inspection.SubmitArgs{}, nil)
	s.settles(wang, m, err)

	s.sync(chief)
	m, err = chief.Save("evidence.review", fieldsync.DocRef{Kind: fieldsync.KindEvidence, ID: id}, map[string]any{
		"sha256": media.Sum(dark), "verdict": "retake", "remark": "太暗，看不清证照",
	})
	s.settles(chief, m, err)

	todo := func(of *client.Tablet) []media.Todo {
		t.Helper()
		s.sync(of)
		d, ok := of.Replica().Get(fieldsync.DocRef{Kind: fieldsync.KindEvidence, ID: id})
		if !ok {
			t.Fatal("no evidence")
		}
		e, err := media.ParseEvidence(d.Body)
		if err != nil {
			t.Fatal(err)
		}
		return e.Todo
	}
	if work := todo(wang); len(work) != 1 || work[0].Done != nil || work[0].Remark != "太暗，看不清证照" || work[0].Item != "license.layer" {
		t.Fatalf("%+v", work)
	}
	m, err = wang.Amend(id, inspection.AmendArgs{Reason: "按要求补拍", SaveArgs: shown(clear)})
	take(clear)
	s.settles(wang, m, err)
	for _, of := range []*client.Tablet{wang, chief} {
		if work := todo(of); len(work) != 1 || work[0].Done == nil || work[0].Done.SHA256 == nil || *work[0].Done.SHA256 != media.Sum(clear) {
			t.Errorf("%+v", work)
		}
	}
	d, _ := chief.Replica().Get(fieldsync.DocRef{Kind: fieldsync.KindEvidence, ID: id})
	e, err := media.ParseEvidence(d.Body)
	if err != nil || !e.Has(media.Sum(dark)) || !e.Has(media.Sum(clear)) {
		t.Errorf("%v %s", err, d.Body)
	}
}
