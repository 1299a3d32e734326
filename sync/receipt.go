package sync

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// KindReceipt holds verdicts that rest on no document: malformed, no right, quarantined. Its id is the mutation's.
const KindReceipt store.Kind = "receipt"

// KindQuarantine holds mutations of people whose rights had just ended, for a supervisor. Its id is the mutation's.
const KindQuarantine store.Kind = "quarantine"

func receiptRef(id MutationID) store.Ref    { return store.Ref{Kind: KindReceipt, ID: string(id)} }
func quarantineRef(id MutationID) store.Ref { return store.Ref{Kind: KindQuarantine, ID: string(id)} }

// receipt is the body of a receipt.
type receipt struct {
	Hash   string `json:"hash"`
	Result Result `json:"result"`
}

// again is the answer to a mutation that has a receipt.
func (r receipt) again(h hash) Result {
	if r.Hash != hex.EncodeToString(h[:]) {
		return rejection(r.Result.ID, ErrReused)
	}
	out := r.Result
	out.First, out.Status = out.Status, Duplicate
	return out
}

func readReceipt(d store.Doc) (receipt, error) {
	var r receipt
	if err := json.Unmarshal(d.Body, &r); err != nil {
		return r, fmt.Errorf("receipt %s: %w", d.ID, err)
	}
	return r, nil
}

func (m *mutation) receipt(r Result) (store.Write, error) {
	body, err := json.Marshal(receipt{Hash: hex.EncodeToString(m.hash[:]), Result: r})
	if err != nil {
		return store.Write{}, err
	}
	return store.Write{New: store.Doc{Ref: receiptRef(m.ID), Body: body}}, nil
}

// Quarantine is the body of a quarantine document: the mutation byte for byte, and why it is there.
type Quarantine struct {
	ID         MutationID         `json:"id"`
	Mutation   jsontext.Value     `json:"mutation"`
	User       directory.UserID   `json:"user"`
	Device     directory.DeviceID `json:"device"`
	Doc        DocRef             `json:"doc"`
	Name       string             `json:"name"`
	ReceivedAt time.Time          `json:"receivedAt"`
	Reason     string             `json:"reason"`
}

// quarantine keeps a mutation for the supervisors of the place that it is about.
func (p *push) quarantine(m *mutation, tokens []store.Token) (store.Write, error) {
	body, err := json.Marshal(Quarantine{
		ID: m.ID, Mutation: m.raw, User: p.sess.User.ID, Device: p.device, Doc: m.Doc, Name: m.Name,
		ReceivedAt: p.now.UTC().Truncate(time.Millisecond), Reason: "推送时权限已结束",
	})
	if err != nil {
		return store.Write{}, err
	}
	return store.Write{New: store.Doc{Ref: quarantineRef(m.ID), Body: body, Tokens: supervisorsOf(tokens)}}, nil
}

// supervisorsOf picks the supervisors' tokens of a document.
func supervisorsOf(tokens []store.Token) []store.Token {
	var out []store.Token
	for _, t := range tokens {
		if strings.HasPrefix(string(t), string(directory.SupervisorTwin(""))) {
			out = append(out, t)
		}
	}
	return out
}
