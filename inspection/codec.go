package inspection

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
)

// restricted is the part of a document that only supervisors see, stored apart from the body.
type restricted struct {
	Remarks []Remark `json:"remarks,omitempty"`
	Extra   Extra    `json:",embed"`
}

// Encode writes an inspection as its document's two parts: body for every audience that may see it, rest for
// supervisors only (nil if there is none).
func Encode(in *Inspection) (body, rest []byte, err error) {
	return encode((*plainInspection)(in), in.Remarks, in.restExtra)
}

// Decode reads what Encode wrote; rest may be nil. It returns ErrMalformed for what is not an inspection.
func Decode(body, rest []byte) (Inspection, error) {
	var in Inspection
	r, err := decode(body, rest, (*plainInspection)(&in))
	in.Remarks, in.restExtra = r.Remarks, r.Extra
	return in, err
}

// EncodeHazard writes a hazard as its document's two parts, like Encode.
func EncodeHazard(h *Hazard) (body, rest []byte, err error) {
	return encode((*plainHazard)(h), h.Remarks, h.restExtra)
}

// DecodeHazard reads what EncodeHazard wrote.
func DecodeHazard(body, rest []byte) (Hazard, error) {
	var h Hazard
	r, err := decode(body, rest, (*plainHazard)(&h))
	h.Remarks, h.restExtra = r.Remarks, r.Extra
	return h, err
}

// plainInspection and plainHazard are the same structures without methods, so that MarshalJSON does not call itself.
type (
	plainInspection Inspection
	plainHazard     Hazard
)

func encode(v any, remarks []Remark, extra Extra) (body, rest []byte, err error) {
	if body, err = json.Marshal(v); err != nil {
		return nil, nil, ErrMalformed.Because(err)
	}
	if len(remarks) == 0 && len(extra) == 0 {
		return body, nil, nil
	}
	if rest, err = json.Marshal(restricted{Remarks: remarks, Extra: extra}); err != nil {
		return nil, nil, ErrMalformed.Because(err)
	}
	return body, rest, nil
}

func decode(body, rest []byte, v any) (r restricted, err error) {
	if err = json.Unmarshal(body, v); err != nil {
		return r, malformed(err)
	}
	if len(rest) > 0 {
		if err = json.Unmarshal(rest, &r); err != nil {
			return r, malformed(err)
		}
	}
	return r, nil
}

// malformed points at the place in the JSON that cannot be read.
func malformed(err error) error {
	var se *json.SemanticError
	if errors.As(err, &se) {
		return ErrMalformed.At(string(se.JSONPointer)).Because(err)
	}
	return ErrMalformed.Because(err)
}

// MarshalJSON writes the body alone: encoding/json does not know the embedded Extra members and must not be let loose
// on the structure.
func (in Inspection) MarshalJSON() ([]byte, error) { return json.Marshal((*plainInspection)(&in)) }

// UnmarshalJSON reads a body.
func (in *Inspection) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, (*plainInspection)(in)) }

// MarshalJSON writes the body alone.
func (h Hazard) MarshalJSON() ([]byte, error) { return json.Marshal((*plainHazard)(&h)) }

// UnmarshalJSON reads a body.
func (h *Hazard) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, (*plainHazard)(h)) }

// sameJSON compares by what would be written; for parts that are compared rarely.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
