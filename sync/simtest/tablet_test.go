package simtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"path"
	"slices"
	"time"

	fieldsync "paicha/sync"
	"paicha/sync/client"
)

// tabletCut is what a tablet's power cut throws.
type tabletCut struct{ t *tablet }

// tablet is one device with its storage; Tablet is nil while it is off.
type tablet struct {
	*client.Tablet
	name   string
	device string
	by     *person
	disk   *disk
	skew   time.Duration
	busy   bool
	clone  bool // its storage was copied from another's
}

// deviceKey is every tablet's: no signature is looked at here.
var deviceKey = func() []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}()

func (w *world) newTablet(p *person, d *disk) *tablet {
	t := &tablet{name: fmt.Sprintf("%s%d", p.id, len(w.tablets)+1), by: p, disk: d}
	t.device = "dev-" + t.name
	for name, b := range map[string][]byte{
		"device.pem":   deviceKey,
		"session.json": fmt.Appendf(nil, `{"user":%q,"device":%q,"accessToken":"a","refreshToken":"r"}`, p.id, t.device),
	} {
		n := &inode{data: b, synced: b}
		d.names[path.Join("t", name)], d.durable[path.Join("t", name)] = n, n
	}
	w.open(t)
	return t
}

// open switches a tablet on.
func (w *world) open(t *tablet) {
	t.disk.before = nil
	c := &client.Tablet{
		Server: "http://sim", HTTP: &http.Client{Transport: &line{w: w, t: t}}, Dir: "t", Disk: t.disk, Name: t.name,
		Now: func() time.Time { return w.now.Add(t.skew) }, NewID: w.uuid,
	}
	if err := c.Open(); err != nil {
		w.breaks("P1", "%s does not open after a power cut: %v", t.name, err)
	}
	t.Tablet = c
	t.disk.before = func() {
		if w.faults && t.busy && w.chance(0.01) {
			w.note("%s loses power", t.name)
			panic(tabletCut{t})
		}
	}
}

// using runs something on a tablet; false if it lost power meanwhile.
func (w *world) using(t *tablet, f func()) (alive bool) {
	t.busy = true
	depth := w.depth
	defer func() {
		t.busy = false
		if c := recover(); c != nil {
			cut, isCut := c.(tabletCut)
			if !isCut || cut.t != t {
				panic(c)
			}
			w.depth = depth
			w.cut(t)
			alive = false
		}
	}()
	f()
	return true
}

// cut is a power cut of a tablet, which is switched on again.
func (w *world) cut(t *tablet) {
	t.disk.cut()
	w.open(t)
}

// syncTablet is one Sync; news tells that something came of it.
func (w *world) syncTablet(t *tablet) (news bool) {
	w.using(t, func() {
		r, err := t.Sync(context.Background())
		news = r.Settled+r.Photos+r.Changes > 0
		if news || err != nil {
			w.note("%s syncs: %d settled, %d wait, %d changes, %v", t.name, r.Settled, r.Waiting, r.Changes, err)
		}
	})
	if w.bug != nil && w.bug.synced != nil {
		w.bug.synced(w, t)
	}
	return news
}

// do queues a command as a person does; what was made is known to the oracle from then on.
func (w *world) do(t *tablet, name string, doc fieldsync.DocRef, args any) {
	w.using(t, func() {
		id, err := t.Save(name, doc, args)
		if err != nil {
			w.note("%s: %s not saved: %v", t.name, name, err)
			return
		}
		for _, m := range t.Outbox().All() {
			if m.ID == id {
				w.made[string(id)] = &made{id: string(id), name: name, doc: doc, raw: slices.Clone(m.Raw), by: t.by}
			}
		}
		w.note("%s makes %s of %s: %s", t.name, name, short(doc.ID), short(string(id)))
	})
}

func short(id string) string { return id[max(0, len(id)-4):] }

// copyTablet makes a second device of a tablet's storage: a cloned tablet, under the same device id.
func (w *world) copyTablet(t *tablet) {
	c := &tablet{name: t.name + "'", device: t.device, by: t.by, disk: t.disk.clone(), clone: true}
	w.open(c)
	w.tablets = append(w.tablets, c)
	w.note("%s is cloned", t.name)
}
