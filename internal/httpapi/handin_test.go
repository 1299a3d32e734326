package httpapi

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/google/uuid"
)

// visits records an inspection with a photo that the server has not seen.
func (s *site) visits(t *client.Tablet) (id string, photo []byte) {
	s.Helper()
	id, photo = uuid.Must(uuid.NewV7()).String(), picture(s.TB)
	_, err := t.Save("inspection.save", fieldsync.DocRef{Kind: inspection.Kind, ID: id}, inspection.SaveArgs{
		Header: &inspection.Header{
			Unit: inspection.Unit{ID: "mine-1", Name: "示范煤矿一号"}, Region: "532504", Sectors: []inspection.Sector{"coal-mine"},
			Mode: inspection.Unannounced, Pack: inspection.PackRef{ID: "coal-mine@2023.1"}, StartedAt: time.Now(),
		},
		Answers: []inspection.Answer{{Item: "license.layer", Result: inspection.Conform}},
		Photos:  []inspection.Photo{{SHA256: media.Sum(photo)}},
	})
	if err != nil {
		s.Fatal(err)
	}
	if _, err := t.AddPhoto(client.NewPhoto{Inspection: id, Type: "image/jpeg"}, photo); err != nil {
		s.Fatal(err)
	}
	return id, photo
}

func (s *site) administrator() string {
	return s.person("admin", directory.User{Roles: []directory.Role{directory.RoleAdmin}})
}

func (s *site) doc(kind store.Kind, id string) store.Doc {
	s.Helper()
	docs, err := s.store.Get(s.Context(), store.Ref{Kind: kind, ID: id})
	if err != nil {
		s.Fatal(err)
	}
	return docs[0]
}

// handIn asks for a hand-in, signed; of other, the body that was signed is another.
func (p keyed) handIn(body, other string) answer {
	p.Helper()
	sum := sha256.Sum256([]byte(body + other))
	sum = sha256.Sum256(auth.RequestMessage("POST", "/api/v1/auth/hand-in", sum))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	if err != nil {
		p.Fatal(err)
	}
	return p.send("POST", "/api/v1/auth/hand-in", "", []byte(body), "Content-Type", "application/json",
		"X-Paicha-Device", string(p.id), "X-Paicha-Signature", base64.StdEncoding.EncodeToString(signature))
}

// TestRevokedTabletHandsInAndIsWiped: of a tablet that is out of use the record is quarantined and the photo kept, and
// when both are safe the tablet is empty. Released, the record has its photo, and the supervisor is told how it came.
func TestRevokedTabletHandsInAndIsWiped(t *testing.T) {
	s := newSite(t)
	wang, chief := s.tablet("wang", inspectorOf("532504")), s.tablet("chief", directory.User{
		Roles:  []directory.Role{directory.RoleSupervisor},
		Grants: []directory.Grant{{Token: "532504", Role: directory.RoleSupervisor, Reason: directory.ReasonPost}},
	})
	admin := s.administrator()
	id, photo := s.visits(wang)
	_, device := wang.Session()
	path := "/api/v1/devices/" + device
	s.refused(s.send("POST", path+"/revoke", s.supervisor("other", "532504"), nil), 403, "auth.forbidden")
	if r := s.send("POST", path+"/revoke", admin, nil); r.status != 204 {
		t.Fatal(r.status, string(r.body))
	}
	wang.Now = func() time.Time { return time.Now().Add(-400 * 24 * time.Hour) } // the clock of a tablet from last year
	if _, err := wang.Sync(t.Context()); !errors.Is(err, client.ErrWiped) {
		t.Fatal(err)
	}

	s.sync(chief)
	var waiting []client.Doc
	for _, d := range chief.Replica().Docs() {
		if d.Kind == fieldsync.KindQuarantine {
			waiting = append(waiting, d)
		}
	}
	if len(waiting) != 1 {
		t.Fatalf("%d in quarantine", len(waiting))
	}
	m, err := chief.Save("quarantine.release", fieldsync.DocRef{Kind: fieldsync.KindQuarantine, ID: waiting[0].ID}, map[string]string{"reason": "设备已交回"})
	s.settles(chief, m, err)
	ev := s.doc(fieldsync.KindEvidence, id)
	e, err := media.ParseEvidence(ev.Body)
	if err != nil || !e.Has(media.Sum(photo)) || len(e.Missing()) > 0 {
		t.Fatalf("%v %s", err, ev.Body)
	}
	var notes struct {
		Marks map[string][]media.Mark `json:"marks"`
	}
	if err := json.Unmarshal(ev.Restricted, &notes); err != nil {
		t.Fatal(err)
	}
	marks := map[media.MarkCode]bool{}
	for _, m := range notes.Marks[media.Sum(photo).String()] {
		marks[m.Code] = true
	}
	if !marks[media.RightsEnded] {
		t.Errorf("%s", ev.Restricted)
	}
}

// TestWipeComesAfterTheOutbox: a tablet that is given to somebody else hands in as ever, and is empty after that.
func TestWipeComesAfterTheOutbox(t *testing.T) {
	s := newSite(t)
	wang, admin := s.tablet("wang", inspectorOf("532504")), s.administrator()
	id, photo := s.visits(wang)
	_, device := wang.Session()
	if r := s.send("POST", "/api/v1/devices/"+device+"/wipe", admin, nil); r.status != 204 {
		t.Fatal(r.status, string(r.body))
	}
	if _, err := wang.Sync(t.Context()); !errors.Is(err, client.ErrWiped) {
		t.Fatal(err)
	}
	e, err := media.ParseEvidence(s.doc(fieldsync.KindEvidence, id).Body)
	if err != nil || !e.Has(media.Sum(photo)) {
		t.Error(err)
	}
	var h fieldsync.Health
	if err := json.Unmarshal(s.doc(fieldsync.KindHealth, device).Body, &h); err != nil || !h.Wipe {
		t.Errorf("%+v %v", h, err)
	}
	s.refused(s.send("POST", "/api/v1/devices/nothing/wipe", admin, nil), 401, "auth.device")
}

// TestHandInOpensNothingElse: the token of a hand-in is good for pushes and photos alone, and there is none without the
// device's key.
func TestHandInOpensNothingElse(t *testing.T) {
	s := newSite(t)
	p := s.keyed("wang", inspectorOf("532504"))
	s.refused(s.send("POST", "/api/v1/auth/hand-in", "", []byte("{}")), 401, "httpapi.no_session")
	s.refused(p.handIn(`{"serverTime":"2023-06-05T08:00:00Z"}`, ""), 401, "auth.stale_proof")
	s.refused(p.handIn(`{}`, ""), 401, "auth.stale_proof")
	s.refused(p.handIn(`[]`, ""), 400, "httpapi.json")
	s.refused(p.handIn(`{"serverTime":"`+time.Now().Format(time.RFC3339)+`"}`, "other"), 401, "auth.signature")
	r := p.handIn(`{"serverTime":"`+time.Now().Format(time.RFC3339)+`"}`, "")
	var out HandInAnswer
	if err := json.Unmarshal(r.body, &out); err != nil || r.status != 200 || out.Wipe || out.User != "wang" {
		t.Fatalf("%d %s %v", r.status, r.body, err)
	}
	for _, r := range table() {
		if takesIn(r) || auth.IsPublic(r.action()) {
			continue
		}
		if got := s.send(r.method, r.path, out.AccessToken, nil); got.status != 403 {
			t.Errorf("%s %s: %d", r.method, r.path, got.status)
		}
	}
	if got := s.tus("POST", "/api/v1/uploads", out.AccessToken, nil, "Upload-Length", "10", "Upload-Metadata", metadata(media.Sum(nil), "i")); got.status != 201 {
		t.Errorf("%d %s", got.status, got.body)
	}
}
