package checklist

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// StandardID names a standard file, e.g. "coal-mine-2020".
type StandardID string

// Sector is one of the plan's sectors or a part of one, e.g. "coal-mine" or "self-built-housing".
type Sector string

// ClauseRef names one clause: "coal-mine-2020#第五条(二)".
type ClauseRef string

// MeasureRef names the n-th measurable of a clause, counted from 1: "coal-mine-2020#第五条(二)@1".
type MeasureRef string

// ParseClauseRef checks the form only; whether the clause exists is asked of Standards.
func ParseClauseRef(s string) (ClauseRef, error) {
	std, clause, ok := strings.Cut(s, "#")
	if !ok || !validID(std) || clause == "" || len(clause) > 120 || strings.ContainsAny(clause, "@#\n\t") || strings.TrimSpace(clause) != clause {
		return "", ErrClauseRef.Saying("条款引用“%s”格式不对，应为“标准编号#条款号”", clip(s))
	}
	return ClauseRef(s), nil
}

// Standard is the part before "#".
func (r ClauseRef) Standard() StandardID {
	std, _, _ := strings.Cut(string(r), "#")
	return StandardID(std)
}

// Clause is the part after "#", as the standard prints it.
func (r ClauseRef) Clause() string {
	_, clause, _ := strings.Cut(string(r), "#")
	return clause
}

// ParseMeasureRef splits a MeasureRef into its clause and number (from 1).
func ParseMeasureRef(s string) (ClauseRef, int, error) {
	head, tail, ok := cutLast(s, "@")
	n, err := strconv.Atoi(tail)
	if !ok || err != nil || n < 1 || n > 99 || strconv.Itoa(n) != tail {
		return "", 0, ErrClauseRef.Saying("限值引用“%s”格式不对，应为“标准编号#条款号@序号”", clip(s))
	}
	ref, err := ParseClauseRef(head)
	return ref, n, err
}

// Standard is an official judgement standard (判定标准) as a table of facts; the official text decides.
type Standard struct {
	ID        StandardID `json:"id"`
	Title     string     `json:"title"`
	Document  string     `json:"document,omitempty"`
	Issuer    string     `json:"issuer,omitempty"`
	Effective Day        `json:"effective,omitempty"` // first day in force; "" when not known
	Ended     Day        `json:"ended,omitempty"`     // first day no longer in force; "" when it has not ended
	Status    string     `json:"status,omitempty"`
	Sectors   []Sector   `json:"sectors"`
	Note      string     `json:"note,omitempty"`
	Clauses   []Clause   `json:"clauses"`
}

// Clause is one numbered criterion of a standard.
type Clause struct {
	Clause     string    `json:"clause"`
	Heading    string    `json:"heading,omitempty"`
	Criterion  string    `json:"criterion"`
	Major      bool      `json:"major"` // false: a duty or focus item, whose limits then mean "nonconforming"; absent in a file means true
	Measurable []Measure `json:"measurable,omitempty"`
	Ask        string    `json:"ask,omitempty"`
	Evidence   string    `json:"evidence,omitempty"`
	Verified   bool      `json:"verified"` // false: from memory or part evidence; shown wherever the clause is shown
	Note       string    `json:"note,omitempty"`
}

// Measure is one limit of a clause. MajorWhen is the standard's own wording, e.g. "> 1.0 仍作业"; Bound reads its head.
type Measure struct {
	Quantity  string `json:"quantity"`
	Unit      string `json:"unit,omitempty"`
	MajorWhen string `json:"majorWhen"`
	Where     string `json:"where,omitempty"`
	Note      string `json:"note,omitempty"`
}

// Bound reads comparator and number from the head of MajorWhen. ok is false where the limit is not a number
// ("== 否", "> 设计值"): such a measure is judged by a choice or by comparing two answers.
func (m Measure) Bound() (op Op, value float64, ok bool) {
	s := strings.TrimSpace(m.MajorWhen)
	for _, o := range []Op{AtLeast, AtMost, Equal, NotEqual, Over, Under} {
		rest, found := strings.CutPrefix(s, string(o))
		if !found {
			continue
		}
		rest = strings.TrimSpace(rest)
		end := 0
		for end < len(rest) && (rest[end] >= '0' && rest[end] <= '9' || rest[end] == '.') {
			end++
		}
		v, err := strconv.ParseFloat(rest[:end], 64)
		return o, v, err == nil
	}
	return "", 0, false
}

// Caveat is the note of the n-th limit (from 1) where the limit was borrowed from another norm or written from memory,
// else "". A finding that rests on such a limit carries the sentence, because a verified clause does not verify a
// borrowed number. 同上 takes the note of the limit before.
func (c *Clause) Caveat(n int) string {
	for ; n > 0 && n <= len(c.Measurable); n-- {
		note := c.Measurable[n-1].Note
		if note == "同上" {
			continue
		}
		for _, mark := range []string{"凭记忆", "未核对", "来自", "取自", "待核"} {
			if strings.Contains(note, mark) {
				return note
			}
		}
		return ""
	}
	return ""
}

// Force says whether a standard was in force on a day.
type Force string

// The three answers; ForceUnknown is for a standard whose first day is not known.
const (
	InForce      Force = "in-force"
	NotInForce   Force = "not-in-force"
	ForceUnknown Force = "unknown"
)

// ForceOn judges the standard's validity on a day.
func (s *Standard) ForceOn(day Day) Force {
	return forceOn(s.Effective, s.Ended, day)
}

func forceOn(effective, ended, day Day) Force {
	switch {
	case ended != "" && day >= ended:
		return NotInForce
	case effective == "":
		return ForceUnknown
	case day < effective:
		return NotInForce
	}
	return InForce
}

// Standards is a set of standards with their clauses found by reference. It is not changed after loading.
type Standards struct {
	list    []*Standard
	byID    map[StandardID]*Standard
	clauses map[ClauseRef]*Clause
}

// NewStandards collects standards; two with one id, or two equal clauses in one standard, are ErrStandard.
func NewStandards(list []*Standard) (*Standards, error) {
	s := &Standards{byID: map[StandardID]*Standard{}, clauses: map[ClauseRef]*Clause{}}
	for _, std := range list {
		if s.byID[std.ID] != nil {
			return nil, ErrStandard.Saying("判定标准编号“%s”重复", std.ID)
		}
		s.byID[std.ID] = std
		s.list = append(s.list, std)
		for i := range std.Clauses {
			ref := std.Ref(&std.Clauses[i])
			if s.clauses[ref] != nil {
				return nil, ErrStandard.Saying("判定标准中条款“%s”重复", ref)
			}
			s.clauses[ref] = &std.Clauses[i]
		}
	}
	sort.Slice(s.list, func(i, j int) bool { return s.list[i].ID < s.list[j].ID })
	return s, nil
}

// Ref names a clause of this standard.
func (s *Standard) Ref(c *Clause) ClauseRef {
	return ClauseRef(fmt.Sprintf("%s#%s", s.ID, c.Clause))
}

// All lists the standards by id.
func (s *Standards) All() []*Standard { return s.list }

// Standard finds a standard; nil when there is none.
func (s *Standards) Standard(id StandardID) *Standard { return s.byID[id] }

// Clause finds a clause; nil when there is none.
func (s *Standards) Clause(ref ClauseRef) *Clause { return s.clauses[ref] }

// Measure finds a limit; ok is false when the clause has no such number.
func (s *Standards) Measure(ref MeasureRef) (Measure, bool) {
	cref, n, err := ParseMeasureRef(string(ref))
	if err != nil {
		return Measure{}, false
	}
	c := s.clauses[cref]
	if c == nil || n > len(c.Measurable) {
		return Measure{}, false
	}
	return c.Measurable[n-1], true
}

// StandardOn lists the standards of a sector that were in force on a day. With unsure it also lists those whose first
// day is not known, which must be shown as such.
func (s *Standards) StandardOn(sector Sector, day Day, unsure bool) []*Standard {
	var on []*Standard
	for _, std := range s.list {
		force := std.ForceOn(day)
		if force == NotInForce || force == ForceUnknown && !unsure {
			continue
		}
		for _, sec := range std.Sectors {
			if sec == sector {
				on = append(on, std)
				break
			}
		}
	}
	return on
}

// Citation is a clause as a finding or a tablet shows it, complete without the standard's file.
type Citation struct {
	Ref       ClauseRef  `json:"ref"`
	Standard  StandardID `json:"standard"`
	Title     string     `json:"title"` // of the standard
	Clause    string     `json:"clause"`
	Heading   string     `json:"heading"`
	Criterion string     `json:"criterion"`
	Major     bool       `json:"major"`
	Verified  bool       `json:"verified"`
	Note      string     `json:"note,omitempty"`
}

// Cite copies what a citation shows; ok is false when the clause does not exist.
func (s *Standards) Cite(ref ClauseRef) (Citation, bool) {
	c, std := s.clauses[ref], s.byID[ref.Standard()]
	if c == nil || std == nil {
		return Citation{}, false
	}
	return Citation{
		Ref: ref, Standard: std.ID, Title: std.Title, Clause: c.Clause, Heading: c.Heading,
		Criterion: c.Criterion, Major: c.Major, Verified: c.Verified, Note: c.Note,
	}, true
}

// validID accepts ids of packs, standards, sections, items, facts and rules: lower-case ASCII letters, digits, "-" and
// ".", starting with a letter or digit. Chinese input methods produce full-width forms that look the same; they are refused.
func validID(s string) bool {
	if s == "" || len(s) > 80 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '-' || c == '.') {
			continue
		}
		return false
	}
	return true
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// clip shortens what came from outside before it enters a message.
func clip(s string) string {
	r := []rune(s)
	if len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
