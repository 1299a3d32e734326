package sync_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/checklist"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/store"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// vector is one case of docs/vectors; docs/vectors/README.md describes the form.
type vector struct {
	Name  string `json:"name"`
	Why   string `json:"why"`
	Given struct {
		Now     time.Time           `json:"now"`
		Limits  jsontext.Value      `json:"limits"`
		Users   []vectorUser        `json:"users"`
		Packs   []checklist.PackRef `json:"packs"`  // published as documents that tablets pull
		Backup  time.Time           `json:"backup"` // when the last complete backup was begun
		Earlier []struct {
			As        string           `json:"as"`
			Mutations []jsontext.Value `json:"mutations"`
		} `json:"earlier"`
	} `json:"given"`
	Steps []vectorStep `json:"steps"`
}

// vectorUser is a person with one device.
type vectorUser struct {
	ID         directory.UserID       `json:"id"`
	Device     directory.DeviceID     `json:"device"`
	Roles      []directory.Role       `json:"roles"`
	Grants     []directory.Grant      `json:"grants"`
	Enterprise directory.EnterpriseID `json:"enterprise"`
	Disabled   bool                   `json:"disabled"`
	Revoked    bool                   `json:"deviceRevoked"`
	PublicKey  directory.PublicKey    `json:"publicKey"` // of the device, for those who sign
}

// vectorStep changes the world and then makes one call, Push, PushBase64, Pull or Hello.
type vectorStep struct {
	As    string       `json:"as"`
	Now   time.Time    `json:"now"`
	Users []vectorUser `json:"users"`
	// Archive is after how many days without a change what is closed is moved to history now; 0: nothing is.
	Archive int `json:"archive"`
	Push    *struct {
		Epoch     *string          `json:"epoch"`
		Device    *string          `json:"device"`
		Mutations []jsontext.Value `json:"mutations"`
		Links     []fieldsync.Link `json:"links"`
	} `json:"push"`
	PushBase64 string                  `json:"pushBase64"`
	Check      *fieldsync.CheckRequest `json:"check"`
	Pull       *pullOfVector           `json:"pull"`
	Hello      *helloOfVector          `json:"hello"`
	Problem    string                  `json:"problem"`
	Expect     jsontext.Value          `json:"expect"`
}

type pullOfVector struct {
	Cursor string              `json:"cursor"`
	Limit  int                 `json:"limit"`
	Have   []checklist.PackRef `json:"have"` // sent as the hashes of these packs
}

type helloOfVector struct {
	ProtocolMin int       `json:"protocolMin"`
	ProtocolMax int       `json:"protocolMax"`
	DeviceTime  time.Time `json:"deviceTime"`
	Inspections []string  `json:"inspections"`
}

// TestVectors plays every case of docs/vectors against the service over a real store.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("../docs/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if err := json.Unmarshal(b, &v, json.RejectUnknownMembers(true)); err != nil {
				t.Fatal(err)
			}
			if v.Name != name || v.Why == "" || len(v.Steps) == 0 {
				t.Fatalf("a case says its file's name, why it is there and what happens: %q, %q", v.Name, v.Why)
			}
			playVector(t, v)
		})
	}
}

// vectorPlay is one case being played.
type vectorPlay struct {
	*place
	sessions map[string]fieldsync.Session
	cursors  map[string]string // the last that each user was given
}

func playVector(t *testing.T, v vector) {
	p := vectorPlay{place: newPlace(t), sessions: map[string]fieldsync.Session{}, cursors: map[string]string{}}
	p.now = v.Given.Now
	if len(v.Given.Limits) > 0 {
		if err := json.Unmarshal(v.Given.Limits, &p.sync.Limits, json.RejectUnknownMembers(true)); err != nil {
			t.Fatal(err)
		}
	}
	p.meet(v.Given.Users)
	p.publish(v.Given.Packs)
	if !v.Given.Backup.IsZero() {
		if err := p.sync.BackedUp(context.Background(), v.Given.Backup); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range v.Given.Earlier {
		answer, err := p.send(vectorStep{As: e.As}, e.Mutations)
		if err != nil {
			t.Fatalf("earlier %d: %v", i, err)
		}
		var r fieldsync.PushResponse
		if err := json.Unmarshal(answer, &r); err != nil {
			t.Fatal(err)
		}
		for _, one := range r.Results {
			if one.Status != fieldsync.Applied {
				t.Fatalf("earlier %d: %s", i, answer)
			}
		}
	}
	for i, s := range v.Steps {
		if !s.Now.IsZero() {
			p.now = s.Now
		}
		p.meet(s.Users)
		if s.Archive > 0 {
			p.archive(time.Duration(s.Archive) * 24 * time.Hour)
		}
		answer, err := p.call(s)
		if s.Problem != "" || err != nil {
			if code := fault.Of(err).Code; err == nil || code != s.Problem {
				t.Fatalf("step %d: problem %v, want %q", i, err, s.Problem)
			}
			continue
		}
		if diff := lacks("", s.Expect, answer); diff != "" {
			t.Fatalf("step %d: %s\nin %s", i, diff, answer)
		}
	}
}

// publish puts checklists of this repository where tablets pull them from.
func (p *vectorPlay) publish(refs []checklist.PackRef) {
	shelf := checklist.Shelf{Store: p.store, Now: func() time.Time { return p.now }, Tokens: directory.PackTokens[checklist.Sector]}
	for _, ref := range refs {
		pack, err := p.sync.Packs.Get(ref)
		if err == nil {
			err = shelf.Publish(context.Background(), pack, "2023-05-15", "", "admin")
		}
		if err != nil {
			p.t.Fatal(ref, err)
		}
	}
}

func (p *vectorPlay) meet(users []vectorUser) {
	for _, u := range users {
		p.sessions[string(u.ID)] = fieldsync.Session{Device: u.Device, Revoked: u.Revoked, User: directory.User{
			ID: u.ID, Roles: u.Roles, Grants: u.Grants, Enterprise: u.Enterprise, Disabled: u.Disabled,
		}}
		if u.PublicKey != "" {
			p.enrol(directory.Device{ID: u.Device, User: u.ID, Name: "平板", PublicKey: u.PublicKey, EnrolledAt: p.now})
		}
	}
}

// enrol enters a device; again is no error.
func (p *place) enrol(d directory.Device) {
	p.t.Helper()
	doc, err := directory.DeviceDoc(d)
	if err == nil {
		_, err = p.store.Commit(context.Background(), []store.Write{{New: doc}})
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *vectorPlay) call(s vectorStep) ([]byte, error) {
	sess, ok := p.sessions[s.As]
	if !ok {
		return nil, fmt.Errorf("no user %q", s.As)
	}
	switch {
	case s.Push != nil:
		return p.send(s, s.Push.Mutations)
	case s.Check != nil:
		in := *s.Check
		if in.Cursor == "$last" {
			in.Cursor = p.cursors[s.As]
		}
		out, err := p.sync.Check(context.Background(), sess, in)
		if err != nil {
			return nil, err
		}
		if out.Cursor != "" {
			p.cursors[s.As] = out.Cursor
		}
		return json.Marshal(out)
	case s.PushBase64 != "":
		body, err := base64.StdEncoding.DecodeString(s.PushBase64)
		if err != nil {
			return nil, err
		}
		return p.pushBytes(sess, body)
	case s.Hello != nil:
		out, err := p.sync.Hello(context.Background(), sess, fieldsync.HelloRequest{
			ProtocolMin: s.Hello.ProtocolMin, ProtocolMax: s.Hello.ProtocolMax, Device: string(sess.Device),
			DeviceTime: s.Hello.DeviceTime, Inspections: s.Hello.Inspections,
		})
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	case s.Pull != nil:
		cursor := s.Pull.Cursor
		if cursor == "$last" {
			cursor = p.cursors[s.As]
		}
		request := fieldsync.PullRequest{Cursor: cursor, Limit: s.Pull.Limit}
		for _, ref := range s.Pull.Have {
			pack, err := p.sync.Packs.Get(ref)
			if err != nil {
				return nil, err
			}
			request.Have = append(request.Have, string(pack.Hash()))
		}
		b, err := p.sync.Pull(context.Background(), sess, request)
		if err != nil {
			return nil, err
		}
		var r fieldsync.PullResponse
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, err
		}
		p.cursors[s.As] = r.Cursor
		return b, nil
	}
	return nil, errors.New("a step makes a call")
}

// send pushes mutations, each without the white space between its tokens.
func (p *vectorPlay) send(s vectorStep, ms []jsontext.Value) ([]byte, error) {
	sess := p.sessions[s.As]
	r := fieldsync.PushRequest{Epoch: p.store.Epoch(), Device: string(sess.Device), DeviceTime: p.now}
	if s.Push != nil && s.Push.Epoch != nil {
		r.Epoch = *s.Push.Epoch
	}
	if s.Push != nil && s.Push.Device != nil {
		r.Device = *s.Push.Device
	}
	if s.Push != nil {
		r.Links = s.Push.Links
	}
	for _, m := range ms {
		m = m.Clone()
		if err := m.Compact(); err != nil {
			return nil, err
		}
		r.Mutations = append(r.Mutations, m)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return p.pushBytes(sess, body)
}

func (p *vectorPlay) pushBytes(sess fieldsync.Session, body []byte) ([]byte, error) {
	r, err := fieldsync.DecodePush(body, p.sync.Limits)
	if err != nil {
		return nil, err
	}
	out, err := p.sync.Push(context.Background(), sess, r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// lacks says where got differs from what is wanted of it, or nothing. Members that are not wanted may be there; null
// means absent, "$any" that something is there, {"$has": […]} an array with these among others, {"$none": […]} one
// without any of these.
func lacks(at string, want, got jsontext.Value) string {
	switch want.Kind() {
	case '{':
		var w, g map[string]jsontext.Value
		if json.Unmarshal(want, &w) != nil {
			return at + ": unreadable"
		}
		if has, ok := w["$has"]; ok {
			return among(at, has, got, true)
		}
		if none, ok := w["$none"]; ok {
			return among(at, none, got, false)
		}
		if json.Unmarshal(got, &g) != nil || g == nil {
			return fmt.Sprintf("%s: no object", at)
		}
		for name, one := range w {
			there, ok := g[name]
			if one.Kind() == 'n' {
				if ok {
					return fmt.Sprintf("%s/%s: there, as %s", at, name, there)
				}
				continue
			}
			if !ok {
				return fmt.Sprintf("%s/%s: absent", at, name)
			}
			if diff := lacks(at+"/"+name, one, there); diff != "" {
				return diff
			}
		}
		return ""
	case '[':
		w, g := elements(want), elements(got)
		if len(w) != len(g) {
			return fmt.Sprintf("%s: %d elements, want %d", at, len(g), len(w))
		}
		for i := range w {
			if diff := lacks(fmt.Sprintf("%s/%d", at, i), w[i], g[i]); diff != "" {
				return diff
			}
		}
		return ""
	}
	w, g := want.Clone(), got.Clone()
	if string(w) == `"$any"` {
		return ""
	}
	if w.Canonicalize() != nil || g.Canonicalize() != nil || !bytes.Equal(w, g) {
		return fmt.Sprintf("%s: %s, want %s", at, got, want)
	}
	return ""
}

func among(at string, wanted, got jsontext.Value, there bool) string {
	for _, w := range elements(wanted) {
		found := slices.ContainsFunc(elements(got), func(g jsontext.Value) bool { return lacks("", w, g) == "" })
		if found != there {
			return fmt.Sprintf("%s: an element like %s: %v", at, w, found)
		}
	}
	return ""
}

func elements(v jsontext.Value) []jsontext.Value {
	var out []jsontext.Value
	if json.Unmarshal(v, &out) != nil {
		return nil
	}
	return out
}
