package sync

import (
	"crypto/sha256"
	"strings"

	"paicha/inspection"
	"paicha/internal/fault"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// maxDepth bounds the nesting of a mutation; what people record is not six levels deep.
const maxDepth = 64

// DecodeHello reads a hello; ErrBody if it is none.
func DecodeHello(body []byte) (HelloRequest, error) {
	var r HelloRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return r, ErrBody.Because(err)
	}
	return r, nil
}

// DecodePull reads a pull; an empty body asks for everything. ErrBody if it is none.
func DecodePull(body []byte) (PullRequest, error) {
	var r PullRequest
	if len(body) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return r, ErrBody.Because(err)
	}
	if len(r.Have) > maxHave {
		return r, ErrTooMany.Saying("一次最多说明%d份已有的检查清单，收到%d份", maxHave, len(r.Have)).At("/have")
	}
	return r, nil
}

// DecodeCheck reads a check; ErrBody if it is none.
func DecodeCheck(body []byte) (CheckRequest, error) {
	var r CheckRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return r, ErrBody.Because(err)
	}
	if len(r.Sums) > maxSums {
		return r, ErrTooMany.Saying("一次最多核对%d个范围，收到%d个", maxSums, len(r.Sums)).At("/sums")
	}
	return r, nil
}

// maxHave bounds how many packs a device can say that it holds.
const maxHave = 500

// DecodePush takes a push apart without looking into its mutations: one that is malformed, with invalid UTF-8 or
// doubled members, must not keep the others out. Only a body that is not JSON at all fails as a whole (ErrBody), as do
// more mutations than the limit (ErrTooMany). The mutations are copies.
func DecodePush(body []byte, l Limits) (PushRequest, error) {
	var r PushRequest
	if err := json.Unmarshal(body, &r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return r, ErrBody.Because(err)
	}
	if len(r.Mutations) > l.PushMutations {
		return r, ErrTooMany.Saying("一次最多上传%d条，收到%d条，请分批上传", l.PushMutations, len(r.Mutations))
	}
	if len(r.Links) > l.PushMutations {
		return r, ErrLinks.At("/links")
	}
	return r, nil
}

// hash tells mutations of one id apart: the beginning of the SHA-256 of the bytes as they were sent.
type hash [12]byte

func hashOf(raw []byte) (h hash) {
	sum := sha256.Sum256(raw)
	copy(h[:], sum[:])
	return h
}

// mutation is one mutation of a push on its way to a result.
type mutation struct {
	Mutation
	uuid     uuid.UUID
	hash     hash
	raw      jsontext.Value
	fault    *fault.Error // of its form
	twin     *mutation    // an earlier one of the same id in the same push
	standing standing     // in the device's chain
	result   Result
}

// decodeMutation reads one mutation. A faulty one keeps the id, if that can be read, so that its verdict can be kept.
func decodeMutation(raw jsontext.Value, l Limits) mutation {
	m := mutation{raw: raw, hash: hashOf(raw)}
	if len(raw) > l.MutationBytes {
		m.fault = ErrMutationSize.Saying("这条记录有%d字节，最多%d字节", len(raw), l.MutationBytes)
	} else if tooDeep(raw) {
		m.fault = ErrMutation.Saying("这条记录的嵌套超过%d层", maxDepth)
	}
	if m.fault != nil {
		m.rescueID()
		return m
	}
	if err := json.Unmarshal(raw, &m.Mutation); err != nil {
		m.fault = ErrMutation.Because(err)
		m.rescueID()
		return m
	}
	m.result.ID = m.ID
	id, err := uuid.Parse(string(m.ID))
	switch {
	case err != nil || id.String() != string(m.ID):
		m.fault = ErrMutation.Saying("记录编号不是有效的 UUID").At("/id")
		return m
	case m.Doc.ID == "" || len(m.Doc.ID) > 128 || strings.ContainsFunc(m.Doc.ID, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		m.fault = ErrMutation.Saying("记录对象的编号不正确").At("/doc/id")
	}
	m.uuid = id
	return m
}

// rescueID finds the id, and the place in the chain, of a mutation that cannot be read as a whole.
func (m *mutation) rescueID() {
	var only struct {
		ID MutationID `json:"id"`
		N  uint64     `json:"n"`
	}
	lax := []json.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	if json.Unmarshal(m.raw, &only, lax...) != nil {
		return
	}
	if id, err := uuid.Parse(string(only.ID)); err == nil && id.String() == string(only.ID) {
		m.uuid, m.ID, m.result.ID, m.N = id, only.ID, only.ID, only.N
	}
}

// named reports whether the mutation has an id that a receipt can be filed under.
func (m *mutation) named() bool { return m.uuid != uuid.Nil }

func tooDeep(raw []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// place reads where the device believed to be; one that cannot be read is no reason to refuse anything.
func (m *mutation) place() *inspection.Place {
	if len(m.Place) == 0 {
		return nil
	}
	var p inspection.Place
	if json.Unmarshal(m.Place, &p) != nil {
		return nil
	}
	return &p
}
