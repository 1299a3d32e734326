package sync

import (
	"encoding/hex"
	"fmt"

	"paicha/internal/store"

	"github.com/go-json-experiment/json"
)

// KindReceipt holds verdicts that rest on no document: malformed, no right, quarantined. Its id is the mutation's.
const KindReceipt store.Kind = "receipt"

func receiptRef(id MutationID) store.Ref { return store.Ref{Kind: KindReceipt, ID: string(id)} }

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
