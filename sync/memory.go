package sync

import (
	"encoding/binary"
	"slices"

	"paicha/internal/store"

	"github.com/google/uuid"
)

// A document's memory is the list of mutations that it has seen, each with its verdict, so that a retry gets the first
// answer whoever asks and whatever has happened since. It changes with the document, by the same compare-and-set.
//
// It is a version byte and entries of: uuid (16), hash (12), status (1), rev (uvarint), code and detail (uvarint length
// and bytes; empty for what was simply applied).
const memoryVersion = 1

// Bounds of one document's memory. Older verdicts lose their wording first and are never forgotten: an entry without
// wording is 30 bytes.
const worded = 64

// maxRejected is the size of memory, in bytes, past which rejections are no longer kept: nobody is to fill a document
// with them.
const maxRejected = 64 << 10

type verdict struct {
	id     uuid.UUID
	hash   hash
	status Status
	rev    store.Rev
	code   string
	detail string
}

var statusCodes = []Status{Applied, Conflict, Rejected, Quarantined}

func (v verdict) result() Result {
	r := Result{ID: MutationID(v.id.String()), Status: v.status, Rev: v.rev}
	if v.code != "" {
		r.Problem = &Problem{Code: v.code, Detail: v.detail}
	}
	r.Next = nextOf(v.status, v.code)
	return r
}

// again is the answer to a mutation that was seen before.
func (v verdict) again(h hash) Result {
	if v.hash != h {
		return rejection(MutationID(v.id.String()), ErrReused)
	}
	r := v.result()
	r.First, r.Status = r.Status, Duplicate
	return r
}

// recall looks a mutation up in a memory.
func recall(memory []byte, id uuid.UUID) (verdict, bool) {
	var found verdict
	walk(memory, func(v verdict, _ []byte) bool {
		if v.id == id {
			found = v
			return false
		}
		return true
	})
	return found, found.id == id
}

// remember returns memory with one more verdict; memory itself is not changed.
func remember(memory []byte, v verdict) []byte {
	out := slices.Clip(memory)
	if len(out) == 0 {
		out = []byte{memoryVersion}
	}
	out = append(out, v.id[:]...)
	out = append(out, v.hash[:]...)
	out = append(out, byte(slices.Index(statusCodes, v.status)))
	out = binary.AppendUvarint(out, uint64(v.rev))
	for _, s := range []string{v.code, v.detail} {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	return fold(out)
}

// fold takes the wording from all but the newest verdicts that have any.
func fold(memory []byte) []byte {
	n := 0
	walk(memory, func(v verdict, _ []byte) bool {
		if v.detail != "" {
			n++
		}
		return true
	})
	if n <= worded {
		return memory
	}
	out := []byte{memoryVersion}
	walk(memory, func(v verdict, raw []byte) bool {
		if v.detail == "" || n <= worded {
			out = append(out, raw...)
			return true
		}
		n--
		v.detail = ""
		one := remember(nil, v)
		out = append(out, one[1:]...)
		return true
	})
	return out
}

// walk calls f for each verdict and its bytes until f returns false. A memory that cannot be read ends the walk.
func walk(memory []byte, f func(v verdict, raw []byte) bool) {
	if len(memory) == 0 || memory[0] != memoryVersion {
		return
	}
	for b := memory[1:]; len(b) >= 29; {
		rest := b[29:]
		var v verdict
		copy(v.id[:], b)
		copy(v.hash[:], b[16:])
		if int(b[28]) >= len(statusCodes) {
			return
		}
		v.status = statusCodes[b[28]]
		rev, n := binary.Uvarint(rest)
		if n <= 0 {
			return
		}
		v.rev, rest = store.Rev(rev), rest[n:]
		for _, s := range []*string{&v.code, &v.detail} {
			l, n := binary.Uvarint(rest)
			if n <= 0 || uint64(len(rest)-n) < l {
				return
			}
			*s, rest = string(rest[n:n+int(l)]), rest[n+int(l):]
		}
		if !f(v, b[:len(b)-len(rest)]) {
			return
		}
		b = rest
	}
}
