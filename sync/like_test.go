package sync_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"paicha/internal/directory"
	"paicha/internal/store"
	fieldsync "paicha/sync"
)

// TestLikenessIsOfWhatTheReaderHolds names a record by the hash of what a tablet holds of it.
func TestLikenessIsOfWhatTheReaderHolds(t *testing.T) {
	p := newPlace(t)
	wang := inspector("wang", "532504/coal-mine")
	stranger := inspector("far", "532501/coal-mine")
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, saveArgs(t, methane)))[0], fieldsync.Applied, "")
	page, _ := p.pull(wang, "")
	var body []byte
	for _, c := range page.Changes {
		if c.Kind == "inspection" {
			body = c.Body
		}
	}
	hash := func(b []byte) string {
		sum := sha256.Sum256(b)
		return hex.EncodeToString(sum[:])
	}
	ended := wang
	ended.User.Grants, ended.User.ID = []directory.Grant{}, "somebody"
	for name, c := range map[string]struct {
		who   fieldsync.Session
		like  fieldsync.Like
		found bool
	}{
		"as it is pulled":        {wang, fieldsync.Like{Kind: "inspection", ID: insp1, SHA256: hash(body)}, true},
		"other bytes":            {wang, fieldsync.Like{Kind: "inspection", ID: insp1, SHA256: hash(body[1:])}, false},
		"no hash":                {wang, fieldsync.Like{Kind: "inspection", ID: insp1}, false},
		"another kind":           {wang, fieldsync.Like{Kind: "hazard", ID: insp1, SHA256: hash(body)}, false},
		"one that is not there":  {wang, fieldsync.Like{Kind: "inspection", ID: "x", SHA256: hash(nil)}, false},
		"nothing":                {wang, fieldsync.Like{}, false},
		"out of scope":           {stranger, fieldsync.Like{Kind: "inspection", ID: insp1, SHA256: hash(body)}, false},
		"after the right is out": {ended, fieldsync.Like{Kind: "inspection", ID: insp1, SHA256: hash(body)}, false},
		"of a kind not pulled":   {wang, fieldsync.Like{Kind: directory.KindUser, ID: "wang", SHA256: hash(nil)}, false},
	} {
		got, err := p.sync.Likeness(context.Background(), c.who, c.like)
		if err != nil || (got != nil) != c.found || c.found && string(got) != string(body) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	want(t, p.push(wang, mutation(2, "inspection.save", "inspection", insp1, 1, p.now, `{"answers":[`+methane+`]}`))[0], fieldsync.Applied, "")
	if got, err := p.sync.Likeness(context.Background(), wang, fieldsync.Like{Kind: store.Kind("inspection"), ID: insp1, SHA256: hash(body)}); err != nil || got != nil {
		t.Errorf("after the record has changed: %d bytes, %v", len(got), err)
	}
}
