package inspection

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"paicha/internal/fault"
)

// The bounds of one command. They are far above what a day's work holds; a tablet over them splits its save.
const (
	MaxAnswers  = 2000
	MaxFindings = 500
	MaxPhotos   = 1000
	MaxTeam     = 100
	MaxName     = 128  // characters of an id or a word of a pack
	MaxText     = 4000 // characters of a note
)

// Args is what every command's arguments can do: check their own form.
type Args interface {
	SaveArgs | SubmitArgs | AmendArgs | SettleArgs | RemarkArgs | SignArgs | DeclineArgs | ConfirmArgs | WithdrawArgs | PlanArgs |
		RectifyArgs | AcceptArgs | RejectArgs | ReopenArgs | RegradeArgs | ExtendArgs | ListArgs | TransferArgs |
		ExemptArgs | ReportArgs
	check() error
}

// DecodeArgs reads and checks a command's arguments: a.check() is called here and again by the command, which may be
// reached without JSON. Its faults point at the field, relative to the arguments. Times are cut to UTC milliseconds.
func DecodeArgs[A Args](raw []byte) (A, error) {
	var a A
	if len(raw) == 0 {
		return a, ErrMissing.Saying("缺少命令内容")
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, malformed(err)
	}
	if t, ok := any(&a).(interface{ tidy() }); ok {
		t.tidy()
	}
	return a, a.check()
}

func (a *SaveArgs) tidy() {
	if a.Header != nil {
		a.Header.StartedAt = ms(a.Header.StartedAt)
	}
	for i := range a.Answers {
		a.Answers[i].At = ms(a.Answers[i].At)
	}
	for i := range a.Findings {
		a.Findings[i].At = ms(a.Findings[i].At)
	}
	for i := range a.Photos {
		a.Photos[i].CapturedAt = ms(a.Photos[i].CapturedAt)
	}
}

func (a *SubmitArgs) tidy() {
	a.SaveArgs.tidy()
	a.At = ms(a.At)
	tidySignatures(a.Signatures)
}

func (a *AmendArgs) tidy() {
	a.SaveArgs.tidy()
	a.At = ms(a.At)
	tidySignatures(a.Signatures)
}

func tidySignatures(ss []Signature) {
	for i := range ss {
		ss[i].At = ms(ss[i].At)
	}
}

func (a *PlanArgs) tidy()   { a.Fixings.Deadline = ms(a.Fixings.Deadline) }
func (a *ExtendArgs) tidy() { a.Deadline = ms(a.Deadline) }
func (a *ListArgs) tidy()   { a.Deadline = ms(a.Deadline) }
func (a *ReportArgs) tidy() { a.OccurredAt = ms(a.OccurredAt) }

func (a SaveArgs) check() error {
	c := checker{}
	c.atMost(len(a.Answers), MaxAnswers, "/answers")
	c.atMost(len(a.Facts), MaxAnswers, "/facts")
	c.atMost(len(a.Findings), MaxFindings, "/findings")
	c.atMost(len(a.Photos), MaxPhotos, "/photos")
	c.atMost(len(a.Team), MaxTeam, "/team")
	if c.err != nil {
		return c.err
	}
	for i := range a.Team {
		c.name(string(a.Team[i]), true, "/team", i, "")
	}
	for i := range a.Answers {
		x := &a.Answers[i]
		c.name(string(x.Item), true, "/answers", i, "/item")
		c.name(string(x.Instance), false, "/answers", i, "/instance")
		c.length(x.Text, "/answers", i, "/text")
		c.length(x.Note, "/answers", i, "/note")
		c.length(x.Choice, "/answers", i, "/choice")
		if n := len(x.Photos); n > MaxPhotos {
			c.fail(ErrTooMany, "/answers", i, "/photos")
		}
	}
	for i := range a.Facts {
		c.name(a.Facts[i].Name, true, "/facts", i, "/name")
		c.length(a.Facts[i].Text, "/facts", i, "/text")
	}
	for i := range a.Findings {
		x := &a.Findings[i]
		c.name(string(x.Rule), x.ID == "", "/findings", i, "/rule")
		c.name(string(x.ID), x.Rule == "", "/findings", i, "/id")
		c.name(string(x.Instance), false, "/findings", i, "/instance")
		c.length(x.Title, "/findings", i, "/title")
		c.length(x.Explanation, "/findings", i, "/explanation")
	}
	for i := range a.Photos {
		if a.Photos[i].SHA256.IsZero() {
			c.fail(ErrMissing, "/photos", i, "/sha256")
		}
	}
	if h := a.Header; h != nil {
		c.name(string(h.Unit.ID), true, "/header/unit/id", -1, "")
		c.name(string(h.Region), true, "/header/region", -1, "")
		c.name(h.Pack.ID, false, "/header/pack/id", -1, "")
		c.atMost(len(h.Sectors), MaxTeam, "/header/sectors")
		for i := range h.Sectors {
			c.name(string(h.Sectors[i]), true, "/header/sectors", i, "")
		}
	}
	return c.err
}

func (a SubmitArgs) check() error {
	if err := a.SaveArgs.check(); err != nil {
		return err
	}
	c := checker{}
	c.length(a.Opinion, "/opinion", -1, "")
	if a.Signed == nil && !signed(a.Signatures) {
		c.fail(ErrUnsigned, "/signatures", -1, "")
	}
	return c.err
}

func (a AmendArgs) check() error {
	if err := a.SaveArgs.check(); err != nil {
		return err
	}
	c := checker{}
	c.reason(a.Reason, "/reason")
	c.atMost(len(a.Adopts), MaxTeam, "/adopts")
	if a.Signed == nil && !signed(a.Signatures) {
		c.fail(ErrUnsigned, "/signatures", -1, "")
	}
	return c.err
}

// signed reports whether somebody of the checking side signed: the enterprise's name alone does not make a record.
func signed(ss []Signature) bool {
	for i := range ss {
		if ss[i].Role != RoleEnterprise && !ss[i].Refused && (ss[i].Name != "" || ss[i].User != "") {
			return true
		}
	}
	return false
}

func (a SettleArgs) check() error {
	c := checker{}
	c.name(string(a.Mutation), true, "/mutation", -1, "")
	if a.Take != TakeStored && a.Take != TakeOffered {
		c.fail(ErrBadValue, "/take", -1, "")
	}
	c.length(a.Note, "/note", -1, "")
	return c.err
}

// wholeProposal reports whether the decision is about a proposal and not one value.
func (a SettleArgs) wholeProposal() bool {
	return a.Item == "" && a.Fact == "" && a.Rule == "" && a.Finding == "" && !a.Header
}

// names reports whether the decision is about this value.
func (a SettleArgs) names(s Side) bool {
	switch {
	case s.Answer != nil:
		return a.Item != "" && s.Answer.Key() == (Key{a.Item, a.Instance})
	case s.Fact != nil:
		return a.Fact != "" && s.Fact.Name == a.Fact
	case s.Finding != nil:
		f := Finding{Rule: a.Rule, ID: a.Finding, Instance: a.Instance}
		return (a.Rule != "" || a.Finding != "") && s.Finding.Key() == f.Key()
	}
	return a.Header && s.Header != nil
}

func (a RemarkArgs) check() error {
	c := checker{}
	c.required(a.Text, "/text")
	return c.err
}

// checker keeps the first fault of form.
type checker struct{ err error }

func (c *checker) fail(f *fault.Error, list string, i int, field string) {
	if c.err == nil {
		c.err = f.At(pointer(list, i, field))
	}
}

func pointer(list string, i int, field string) string {
	if i < 0 {
		return list + field
	}
	return fmt.Sprintf("%s/%d%s", list, i, field)
}

func (c *checker) atMost(n, limit int, field string) {
	if n > limit {
		c.fail(ErrTooMany.Saying("一次最多%d项，请分批提交", limit), field, -1, "")
	}
}

// name checks an id or a word of a pack: no control characters, because ids are joined by one.
func (c *checker) name(s string, required bool, list string, i int, field string) {
	switch {
	case s == "":
		if required {
			c.fail(ErrMissing, list, i, field)
		}
	case len(s) > MaxName && utf8.RuneCountInString(s) > MaxName:
		c.fail(ErrTooLong, list, i, field)
	default:
		for _, r := range s {
			if unicode.IsControl(r) {
				c.fail(ErrBadValue, list, i, field)
				return
			}
		}
	}
}

func (c *checker) length(s, list string, i int, field string) {
	if len(s) > MaxText && utf8.RuneCountInString(s) > MaxText {
		c.fail(ErrTooLong, list, i, field)
	}
}

func (c *checker) required(s, field string) {
	if blank(s) {
		c.fail(ErrMissing, field, -1, "")
	}
	c.length(s, field, -1, "")
}

func (c *checker) reason(s, field string) {
	if blank(s) {
		c.fail(ErrReason, field, -1, "")
	}
	c.length(s, field, -1, "")
}

func blank(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) {
			return false
		}
	}
	return true
}
