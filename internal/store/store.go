package store

import (
	"cmp"
	"slices"
	"time"
)

// Kind names a sort of document: "inspection", "hazard", "evidence" … Kinds that begin with "_" are the store's own.
type Kind string

// Ref names one document. An id is never used twice, also after deletion.
type Ref struct {
	Kind Kind
	ID   string
}

// Rev counts the versions of one document from 1; 0 means that there is none.
type Rev uint64

// Token is a scope that a document can be seen through: "5325", "532501/town-gas", "ent:…", "user:…".
type Token string

// WriterID names one process lifetime that writes.
type WriterID string

// Seq numbers the writes of one writer from 1.
type Seq uint64

// Position is the place of a document's newest version in the feed.
type Position struct {
	Writer WriterID
	Seq    Seq
}

// Removal says why a document no longer has a body for its readers.
type Removal string

// The removals. A removed document stays as a tombstone, so that its id is not used again.
const (
	Live     Removal = ""
	Deleted  Removal = "deleted"
	Archived Removal = "archived"
)

// Left records that a document was seen through Token until Position; kept until the feed's horizon.
type Left struct {
	Token    Token
	Position Position
	At       time.Time // UTC, milliseconds
}

// Value is a searchable value: text, or a whole number (times are Unix milliseconds, booleans 0 and 1).
type Value struct {
	Text  string
	Num   int64
	IsNum bool
}

// Text makes a text value. Search keys are NFC.
func Text(s string) Value { return Value{Text: s} }

// Num makes a numeric value.
func Num(n int64) Value { return Value{Num: n, IsNum: true} }

// Time makes a numeric value of an instant, in Unix milliseconds; the zero time is 0.
func Time(t time.Time) Value {
	if t.IsZero() {
		return Num(0)
	}
	return Num(t.UnixMilli())
}

// Fields are the searchable values of a document, by declared name. Absent differs from empty.
type Fields map[string]Value

// Doc is one version of a document. Body and Restricted are kept byte for byte; the store never looks inside.
//
// Bytes and slices of a Doc that the store returned must not be changed: they may be shared.
type Doc struct {
	Ref
	Rev        Rev
	Position   Position
	Tokens     []Token // present tokens, sorted, unique
	Left       []Left
	Removed    Removal
	Fields     Fields
	Body       []byte // JSON for every audience that may see the document
	Restricted []byte // JSON for supervisors only; may be nil
	Memory     []byte // the mutations that this document has seen; package sync writes and reads it
}

// MaxDoc is how many bytes Body, Restricted and Memory of one document have at most. It leaves room for the rest below the
// 16 MB that a MongoDB-compatible server takes.
const MaxDoc = 15 << 20

// Write replaces Old by New. Old is the document as read (its Rev is the base); a zero Old inserts.
// Of New the caller gives Ref, Tokens, Removed, Fields, Body, Restricted and Memory; the rest is the store's.
type Write struct {
	Old Doc
	New Doc
}

func (w Write) large() bool {
	return len(w.New.Body)+len(w.New.Restricted)+len(w.New.Memory) > MaxDoc
}

// Status is how a write ended.
type Status uint8

// The outcomes of a write.
const (
	Unknown Status = iota // not known: it may have happened or may still happen; say nothing to the device
	OK                    // durable
	Stale                 // the document is past the base; see Store.Commit
)

func (s Status) String() string { return [...]string{"unknown", "ok", "stale"}[s] }

// Outcome tells what one Write came to. Rev and Position are set for OK.
type Outcome struct {
	Status   Status
	Rev      Rev
	Position Position
}

// Limit bounds one page; at least one document is returned if there is any. Zero means no bound.
type Limit struct {
	Docs  int
	Bytes int
}

// Op compares a field with values.
type Op uint8

// The comparisons. A document without the field matches none of them.
const (
	Eq Op = iota // equal to the only value
	In           // equal to one of the values
	Lt           // less than the only value
	Ge           // greater than or equal to the only value
)

// Cond is one condition of a query.
type Cond struct {
	Field  string
	Op     Op
	Values []Value
}

// Where builds a condition.
func Where(field string, op Op, values ...Value) Cond {
	return Cond{Field: field, Op: op, Values: values}
}

// Query finds documents of one kind that live, carry one of Tokens (no tokens: all) and one of Also (none: no further
// condition), and meet every condition.
// It must be answerable by a declared Index, else ErrNoIndex. Order is a declared field, or "" for the id;
// documents without the order field are left out.
type Query struct {
	Kind   Kind
	Tokens []Token
	Also   []Token
	Where  []Cond
	Order  string
	Desc   bool
	After  PageKey
	Limit  int
}

// PageKey is where a page of Find ended: the order field's value and the id. The zero key is the beginning.
type PageKey struct {
	Value Value
	ID    string
}

// Page is one page of Find. Next is the zero key on the last page.
type Page struct {
	Docs []Doc
	Next PageKey
}

// Grouping counts the living documents of a kind by the values of By and sums the numeric fields Sum.
type Grouping struct {
	Kind   Kind
	Tokens []Token
	Where  []Cond
	By     []string
	Sum    []string
}

// Bucket is one group; a document without a By field is counted under the empty text. Sums has one entry per Sum field.
type Bucket struct {
	Key   []Value
	Count int64
	Sums  []int64
}

// SortTokens sorts tokens and removes repetitions, in place.
func SortTokens(ts []Token) []Token {
	slices.Sort(ts)
	return slices.Compact(ts)
}

// Intersect returns the members of a that are in b; both sorted.
func Intersect(a, b []Token) []Token {
	var out []Token
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch c := cmp.Compare(a[i], b[j]); {
		case c < 0:
			i++
		case c > 0:
			j++
		default:
			out = append(out, a[i])
			i++
			j++
		}
	}
	return out
}
