package sync

import (
	"context"
	"slices"
	"time"

	"paicha/inspection"
	"paicha/inspection/attest"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
)

// signing are the commands whose arguments may be signed by the device.
var signing = []string{"inspection.submit", "inspection.amend", "inspection.sign", "inspection.decline"}

// readKey reads the public key of the device that pushes, if anything in the push may be signed. A key that is revoked
// by now still tells who signed.
func (p *push) readKey(ctx context.Context) error {
	needed := slices.ContainsFunc(p.muts, func(m mutation) bool { return slices.Contains(signing, m.Name) })
	if !needed {
		return nil
	}
	docs, err := p.Store.Get(ctx, store.Ref{Kind: directory.KindDevice, ID: string(p.device)})
	if err != nil || docs[0].Rev == 0 {
		return err
	}
	d, err := directory.ReadDevice(docs[0])
	p.key = d.PublicKey
	return err
}

// Attestation returns the evidence file of an inspection that the person may see: what was signed, by whom, and the keys
// that verify it. It returns store.ErrNotFound for what may not be seen, and ErrUnattested if nobody signed.
func (s *Service) Attestation(ctx context.Context, sess Session, id string) (attest.File, error) {
	d, err := s.Store.One(ctx, store.Ref{Kind: inspection.Kind, ID: id})
	if err != nil {
		return attest.File{}, err
	}
	if via, _ := scopeOf(sess.User, s.Now()).covers(inspection.Kind, directory.PresentTokens(d.Tokens)); len(via) == 0 {
		return attest.File{}, store.ErrNotFound
	}
	in, err := inspection.Decode(d.Body, nil)
	if err != nil {
		return attest.File{}, err
	}
	if len(in.Attestations) == 0 {
		return attest.File{}, ErrUnattested
	}
	f := attest.File{
		Format: attest.Format, Version: attest.FileVersion, Inspection: id, ExportedAt: s.Now().UTC().Truncate(time.Millisecond),
		Contents: in.Attestations,
	}
	for _, a := range in.Amendments {
		f.Amendments = append(f.Amendments, attest.AmendmentEntry{By: a.By, At: a.At, Reason: a.Reason, Content: a.Content})
	}
	if f.Keys, err = s.keysOf(ctx, in.Attestations); err != nil {
		return attest.File{}, err
	}
	f.Photos, err = s.photosOf(ctx, &in)
	return f, err
}

// keysOf reads the keys of all devices that signed. Device documents are never removed, so that they can be read for
// years.
func (s *Service) keysOf(ctx context.Context, contents []attest.Sealed) ([]attest.Key, error) {
	var devices []string
	for i := range contents {
		for _, x := range contents[i].Signatures {
			devices = append(devices, string(x.Device))
		}
		for _, x := range contents[i].Declined {
			if x.Signature != nil {
				devices = append(devices, string(x.Device))
			}
		}
	}
	slices.Sort(devices)
	devices = slices.Compact(devices)
	refs := make([]store.Ref, len(devices))
	for i, id := range devices {
		refs[i] = store.Ref{Kind: directory.KindDevice, ID: id}
	}
	docs, err := s.Store.Get(ctx, refs...)
	if err != nil {
		return nil, err
	}
	var out []attest.Key
	for _, doc := range docs {
		if doc.Rev == 0 {
			continue // its signatures will be told as those of a key that is not here
		}
		d, err := directory.ReadDevice(doc)
		if err != nil {
			return nil, err
		}
		print, err := d.PublicKey.Fingerprint()
		if err != nil {
			return nil, err
		}
		out = append(out, attest.Key{
			Fingerprint: print, PublicKey: d.PublicKey, Device: d.ID, User: d.User, EnrolledAt: d.EnrolledAt,
			Revoked: d.Revoked, RevokedAt: d.RevokedAt,
		})
	}
	return out, nil
}

// photosOf lists the photos that a record names, and which of them have arrived.
func (s *Service) photosOf(ctx context.Context, in *inspection.Inspection) ([]attest.Photo, error) {
	docs, err := s.Store.Get(ctx, evidenceRef(string(in.ID)))
	if err != nil {
		return nil, err
	}
	arrived := map[media.SHA256]int64{}
	if docs[0].Rev > 0 {
		e, err := decodeEvidence(docs[0])
		if err != nil {
			return nil, err
		}
		for _, a := range e.Arrived {
			arrived[a.SHA256] = a.Size
		}
	}
	out := make([]attest.Photo, 0, len(in.Photos))
	for _, p := range in.Photos {
		if len(out) > 0 && out[len(out)-1].SHA256 == p.SHA256 {
			continue // another manifest of the same photo
		}
		size, here := arrived[p.SHA256]
		out = append(out, attest.Photo{SHA256: p.SHA256, Bytes: size, Received: here})
	}
	return out, nil
}
