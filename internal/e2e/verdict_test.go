package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// sees is what grants come to: through which tokens somebody sees a document, and whether its restricted part too.
func sees(u directory.User, at time.Time, d store.Doc) (via []store.Token, restricted bool) {
	if d.Removed != store.Live {
		return nil, false
	}
	for _, r := range u.Reading(at) {
		if !slices.Contains(d.Tokens, r.Token) || !auth.MayPull(r.Audience, d.Kind) {
			continue
		}
		via = append(via, r.Token)
		restricted = restricted || r.Audience == directory.RoleSupervisor
	}
	return store.SortTokens(via), restricted
}

// apart tells where a tablet does not hold exactly what its person may see: P4 and P5. It is empty if all do.
func (c *cluster) apart(docs map[store.Ref]store.Doc) string {
	now := time.Now()
	for i, t := range c.desks {
		name := fmt.Sprintf("tablet %d of %s", i, t.user.Login)
		held := map[store.Ref]bool{}
		for _, d := range t.Replica().Docs() {
			ref := store.Ref{Kind: d.Kind, ID: d.ID}
			held[ref] = true
			s := docs[ref]
			via, restricted := sees(t.user, now, s)
			switch {
			case len(via) == 0:
				return fmt.Sprintf("P5: %s holds %s %s", name, d.Kind, d.ID)
			case d.Rev != s.Rev || !bytes.Equal(d.Body, s.Body):
				return fmt.Sprintf("P4: %s holds %s %s rev %d, stored is rev %d at %v", name, d.Kind, d.ID, d.Rev, s.Rev, s.Position)
			case !slices.Equal(d.Via, via):
				return fmt.Sprintf("P4: %s holds %s %s via %v, not %v", name, d.Kind, d.ID, d.Via, via)
			case restricted && !bytes.Equal(d.Restricted, s.Restricted) || !restricted && len(d.Restricted) > 0:
				return fmt.Sprintf("P5: %s and the restricted part of %s %s", name, d.Kind, d.ID)
			}
		}
		for ref, d := range docs {
			if via, _ := sees(t.user, now, d); len(via) > 0 && !held[ref] {
				return fmt.Sprintf("P4: %s lacks %s %s rev %d at %v", name, ref.Kind, ref.ID, d.Rev, d.Position)
			}
		}
	}
	return ""
}

// trail is what a body says of how it came to be.
type trail struct {
	Status  string `json:"status"`
	History []struct {
		Mutation fieldsync.MutationID `json:"mutation"`
	} `json:"history"`
	Answers        []answered     `json:"answers"`
	Hazards        []string       `json:"hazards"`
	Conflicts      jsontext.Value `json:"conflicts"`
	PendingEffects jsontext.Value `json:"pendingEffects"`
	Inspection     string         `json:"inspection"`
	Rule           string         `json:"rule"`
	Finding        string         `json:"finding"`
	Instance       string         `json:"instance"`
}

type answered struct {
	Item   string `json:"item"`
	Result string `json:"result"`
}

// judge compares what the tablets did with what is stored.
func (c *cluster) judge(ctx context.Context) {
	docs := c.stored()
	trails := map[fieldsync.DocRef]trail{}
	for ref, d := range docs {
		if ref.Kind == "inspection" || ref.Kind == "hazard" {
			var b trail
			if err := json.Unmarshal(d.Body, &b); err != nil {
				c.t.Fatal(err)
			}
			trails[fieldsync.DocRef{Kind: ref.Kind, ID: ref.ID}] = b
		}
	}
	mutations := 0
	for i, d := range c.desks {
		if n := d.Hello().Limits.ChunkSuggested; n != 1<<20 {
			c.t.Errorf("tablet %d is told to begin with pieces of %d bytes before an S3 store", i, n)
		}
		if a := d.Outbox().Asking(); len(a) > 0 {
			c.t.Errorf("P3: tablet %d asks a person about %s: %+v", i, a[0].Name, a[0].Result)
		}
		for n, m := range d.Outbox().All() {
			mutations++
			if m.N != uint64(n)+1 { //nolint:gosec // small
				c.t.Fatalf("P3: tablet %d has mutation %d at place %d", i, m.N, n+1)
			}
			c.judgeOne(m, trails[m.Doc])
		}
	}
	hazards := c.judgeHazards(trails)
	c.judgePhotos()
	c.judgeRepeats(ctx)
	c.t.Logf("%d mutations, %d inspections and hazards, of which %d hazards; %d documents in all", mutations, len(trails), hazards, len(docs))
	if c.t.Failed() {
		return
	}
	after := c.stored()
	for ref, d := range after {
		if ref.Kind == "inspection" || ref.Kind == "hazard" || ref.Kind == "evidence" {
			if docs[ref].Rev != d.Rev {
				c.t.Errorf("P2: what came again changed %s %s", ref.Kind, ref.ID)
			}
		}
	}
}

// first is what the server said at first.
func first(r fieldsync.Result) fieldsync.Status {
	if r.Status == fieldsync.Duplicate {
		return r.First
	}
	return r.Status
}

// judgeOne: what was acknowledged has its effect once. P1, P2.
func (c *cluster) judgeOne(m client.Queued, b trail) {
	if m.Result == nil || first(*m.Result) != fieldsync.Applied {
		c.t.Errorf("P3: %s of %s came to %+v", m.Name, m.Doc.ID, m.Result)
		return
	}
	effects := 0
	for _, h := range b.History {
		if h.Mutation == m.ID {
			effects++
		}
	}
	if effects != 1 {
		c.t.Errorf("P1, P2: %s (%s of %s) was acknowledged and has %d effects", m.ID, m.Name, m.Doc.ID, effects)
	}
	var said struct {
		Args struct {
			Answers []answered `json:"answers"`
		} `json:"args"`
	}
	if err := json.Unmarshal(m.Raw, &said); err != nil {
		c.t.Error(err)
	}
	for _, a := range said.Args.Answers {
		if !slices.Contains(b.Answers, a) {
			c.t.Errorf("P1: %s answered %v, which is not in %s: %v", m.ID, a, m.Doc.ID, b.Answers)
		}
	}
}

// judgeHazards: each visit is submitted, has the hazards that it names and no others, each cause once, and all visits,
// whose answers are alike, as many.
func (c *cluster) judgeHazards(trails map[fieldsync.DocRef]trail) int {
	derived, causes := map[string][]string{}, map[string]int{}
	for ref, h := range trails {
		if ref.Kind == "hazard" {
			derived[h.Inspection] = append(derived[h.Inspection], ref.ID)
			causes[h.Inspection+"|"+h.Rule+"|"+h.Finding+"|"+h.Instance]++
		}
	}
	for cause, n := range causes {
		if n > 1 {
			c.t.Errorf("P2: %d hazards of one cause %s", n, cause)
		}
	}
	all, each := 0, -1
	for _, d := range c.desks {
		for _, v := range d.visits {
			in := trails[fieldsync.DocRef{Kind: "inspection", ID: v.id}]
			got := slices.Sorted(slices.Values(derived[v.id]))
			delete(derived, v.id)
			if in.Status != "submitted" || len(in.PendingEffects) > 0 || len(in.Conflicts) > 0 || !slices.Equal(got, in.Hazards) {
				c.t.Errorf("P1: %s is %q, pending %s, conflicts %s, names hazards %v, there are %v",
					v.id, in.Status, in.PendingEffects, in.Conflicts, in.Hazards, got)
			}
			if each < 0 {
				each = len(got)
			}
			if len(got) != each || each == 0 {
				c.t.Errorf("P2: %s has %d hazards, others %d", v.id, len(got), each)
			}
			all += len(got)
		}
	}
	for id, hs := range derived {
		c.t.Errorf("P2: hazards %v of inspection %s, which nobody made", hs, id)
	}
	return all
}

// judgePhotos asks every node in turn for every photo: P6.
func (c *cluster) judgePhotos() {
	i := 0
	for _, d := range c.desks {
		for _, v := range d.visits {
			n := c.nodes[i%len(c.nodes)]
			i++
			if got := get(c.t, n.server, d.Tablet, "/api/v1/inspections/"+v.id+"/photos/"+v.hash); !bytes.Equal(got, v.photo) {
				c.t.Errorf("P6: photo %s of %s: %d bytes, want %d", v.hash, v.id, len(got), len(v.photo))
			}
		}
	}
}

// judgeRepeats hands in everything once more, byte for byte, each time at the next node: every answer is that of the
// first time.
func (c *cluster) judgeRepeats(ctx context.Context) {
	for i, d := range c.desks {
		all := d.Outbox().All()
		if len(all) == 0 {
			continue
		}
		_, device := d.Session()
		req := fieldsync.PushRequest{Epoch: d.Hello().Epoch, Device: device, DeviceTime: time.Now()}
		for _, m := range all {
			req.Mutations = append(req.Mutations, jsontext.Value(m.Raw))
		}
		var resp fieldsync.PushResponse
		c.post(ctx, c.nodes[i%len(c.nodes)], d, "/api/v1/sync/push", req, &resp)
		if len(resp.Results) != len(all) {
			c.t.Errorf("P2: %d answers to %d repeated mutations", len(resp.Results), len(all))
			continue
		}
		for k, r := range resp.Results {
			if r.ID != all[k].ID || r.Status != fieldsync.Duplicate || r.First != first(*all[k].Result) {
				c.t.Errorf("P2: %s again is %+v, was %+v", all[k].Name, r, *all[k].Result)
			}
		}
	}
}

// post asks a node by the session of a tablet.
func (c *cluster) post(ctx context.Context, n *node, d *desk, path string, in, out any) {
	c.t.Helper()
	var session struct {
		Access string `json:"accessToken"`
	}
	b, err := os.ReadFile(filepath.Join(d.Dir, "session.json"))
	if err == nil {
		err = json.Unmarshal(b, &session)
	}
	body, err2 := json.Marshal(in)
	if err != nil || err2 != nil {
		c.t.Fatal(err, err2)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url()+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+session.Access)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(b, out) != nil {
		c.t.Fatalf("%s: %s %s %v", path, resp.Status, b, err)
	}
}
