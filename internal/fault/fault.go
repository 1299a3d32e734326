// Package fault is the one error type of Paicha: a kind that decides the HTTP status at the edge, a stable code for
// machines, and a Chinese sentence for the person who has to do something about it.
//
// Each package declares its faults in errors.go with New; causes are wrapped with Because, and tests compare with
// errors.Is, which looks at the code and never at the text.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of thing went wrong; internal/httpapi alone turns it into a status.
type Kind uint8

// The kinds, in the order of their HTTP statuses.
const (
	Internal     Kind = iota // a defect of ours; the person sees only a request id
	Invalid                  // what arrived cannot be understood or breaks a rule of form
	Unauthorized             // who is asking is not known
	Forbidden                // who is asking is known and may not
	NotFound                 // no such thing, or none that the asker may see
	Conflict                 // the thing is not in the state that the request needs
	Gone                     // it was here and will not come back
	TooLarge                 // over a limit of size or count
	Unsupported              // a media type, protocol version or encoding that we do not speak
	TooMany                  // over a limit of rate
	Unavailable              // try again later
)

// Error is a fault. Message is shown to people and is Chinese; Code is stable and documented in docs/errors.md.
// Field is a JSON pointer (RFC 6901) to what is wrong, or empty.
type Error struct {
	Kind    Kind
	Code    string
	Message string
	Field   string
	Err     error
}

// New declares a fault. Call it at package level, in errors.go.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

func (e *Error) Error() string {
	s := e.Code
	if e.Field != "" {
		s += " at " + e.Field
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the same fault, whatever its cause, field or wording.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Because returns a copy with a cause; the cause is logged and never shown.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// At returns a copy that points at a field, as a JSON pointer.
func (e *Error) At(pointer string) *Error {
	c := *e
	c.Field = pointer
	return &c
}

// Saying returns a copy whose Chinese message is more exact than the declared one.
func (e *Error) Saying(format string, args ...any) *Error {
	c := *e
	c.Message = fmt.Sprintf(format, args...)
	return &c
}

// Of finds the fault in err's chain, or wraps err as an internal one.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return ErrInternal.Because(err)
}

// ErrInternal is what an unknown error becomes at the edge.
var ErrInternal = New(Internal, "internal", "系统内部错误，请稍后再试；如仍不行，请把请求编号告诉管理员")
