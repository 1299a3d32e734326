package inspection

import (
	"cmp"
	"slices"
	"time"

	"paicha/checklist"
	"paicha/internal/store"
)

// Verdict is the server's judgement of the record at Rev: what the pinned pack's rules and the devices raised,
// the graver of the two each. A record is clean only if Findings, Unknown, Open and Human are all empty.
type Verdict struct {
	Rev      store.Rev      `json:"rev"`
	Pack     string         `json:"pack,omitzero"`
	NoPack   bool           `json:"noPack,omitzero"`    // the pack is not here (yet): only what devices raised
	Findings []Finding      `json:"findings,omitempty"` // sorted by key
	Unknown  []RuleID       `json:"unknown,omitempty"`  // rules that could not be decided for want of an answer, sorted
	Open     []OpenQuestion `json:"open,omitempty"`     // what must be asked for them, sorted
	Human    []HumanNeed    `json:"human,omitempty"`    // what the machine must not judge, sorted
	Second   *SecondVerdict `json:"second,omitzero"`
	Duties   []Duty         `json:"duties,omitempty"` // by task and row of Annex 1; of the pack of enterprise duties only
	Major    int            `json:"major"`
	Key      int            `json:"key"`
	General  int            `json:"general"`
	Told     string         `json:"told,omitzero"` // digest of what the hazards are to reflect; equal: nothing to tell them
	Extra    Extra          `json:",embed"`
}

// OpenQuestion is an item, or a fact about the enterprise, that rules needed and nobody answered.
type OpenQuestion struct {
	Item     ItemID   `json:"item,omitzero"`
	Fact     string   `json:"fact,omitzero"`
	Instance Instance `json:"instance,omitzero"`
	Ask      string   `json:"ask"`              // the question, in Chinese, with the working place
	Suspect  bool     `json:"suspect,omitzero"` // only this fact decides whether a condition that is met concerns the site
}

// HumanNeed is something that a person must judge: an answer in a wrong unit, two that contradict, a rule that errs.
type HumanNeed struct {
	Items    []ItemID `json:"items,omitempty"` // sorted
	Rule     RuleID   `json:"rule,omitzero"`
	Instance Instance `json:"instance,omitzero"`
	Reason   string   `json:"reason"`          // in Chinese
	Failed   bool     `json:"failed,omitzero"` // the rule erred: a defect of the checklist or of ours
}

// SecondVerdict stands beside the pinned pack's when a standard of that pack was not in force on the day of the
// inspection: what the pack in force raised. Pack is empty if there is none, and then only the fact is told.
type SecondVerdict struct {
	Pack       string    `json:"pack,omitzero"`
	NotInForce []string  `json:"notInForce"`       // standards, as the pack orders them
	Unsure     []string  `json:"unsure,omitempty"` // standards whose first day is not known
	Findings   []Finding `json:"findings,omitempty"`
}

// Library is where JudgeBy finds packs; checklist.Library is one. Both return checklist.ErrPackUnknown for a version
// that was never published here.
type Library interface {
	Get(ref checklist.PackRef) (*checklist.Pack, error)
	Judge(ref checklist.PackRef, day checklist.Day, as []checklist.Answer, fs checklist.Facts) (checklist.Judgement, error)
}

// Day is a calendar day in China Standard Time, "" where it is not known.
type Day = checklist.Day

var chinaTime = time.FixedZone("CST", 8*60*60)

// dayOf is the day of a device's time, corrected by the skew of its clock. A time that cannot be gives way to the day
// on which it was received.
func (c Cause) dayOf(device time.Time) Day {
	t := device.Add(c.Correction)
	if device.IsZero() || t.Before(firstDay) || t.After(c.ServerTime.Add(Skew)) {
		t = c.ServerTime
	}
	return DayOf(t)
}

// day is the day by which the record is judged.
func (in *Inspection) day() Day { return cmp.Or(in.Day, DayOf(in.Header.StartedAt)) }

// DayOf is the day of an instant in China Standard Time, "" for the zero time.
func DayOf(t time.Time) Day {
	if t.IsZero() {
		return ""
	}
	return checklist.Day(t.In(chinaTime).Format(time.DateOnly))
}

// Judge recomputes every flag with the pack that the inspector saw; nil means that it is not here (yet), and then what
// the device raised stands alone. Values that wait in an open conflict are judged too, and the graver flags.
func Judge(in *Inspection, pack *checklist.Pack) Verdict {
	v := in.raised()
	v.NoPack = pack == nil
	if pack != nil {
		v.eachReading(in, func(as []checklist.Answer, fs checklist.Facts) {
			v.take(pack.Judge(in.day(), as, fs), pack)
		})
	}
	v.finish(in)
	if pack != nil {
		v.duties(in, pack)
	}
	return v
}

// JudgeBy is Judge with a library, which has the pack in force on the day too: where a standard of the pinned pack was
// not in force on the day of the check (Inspection.Day), that pack's verdict stands beside it, and the graver flags.
func JudgeBy(in *Inspection, lib Library) Verdict {
	ref := checklist.PackRef(in.Header.Pack.ID)
	pack, err := lib.Get(ref)
	if err != nil || pack == nil {
		return Judge(in, nil)
	}
	v, day := in.raised(), in.day()
	v.eachReading(in, func(as []checklist.Answer, fs checklist.Facts) {
		j, err := lib.Judge(ref, day, as, fs)
		if err != nil { // it was here a moment ago; the pack in hand judges as well
			v.take(pack.Judge(day, as, fs), pack)
			return
		}
		v.take(j.Pinned, pack)
		v.beside(&j, lib)
	})
	v.finish(in)
	v.duties(in, pack)
	return v
}

// raised begins a verdict with what the devices raised.
func (in *Inspection) raised() Verdict {
	v := Verdict{Pack: in.Header.Pack.ID}
	for _, f := range in.Findings {
		f.ByDevice = true
		v.Findings = enter(v.Findings, f)
	}
	return v
}

// maxReadings bounds how many other answers to one question are judged; more are for a person.
const maxReadings = 16

// eachReading gives the record as the checklist reads it, and again with the offered sides of open conflicts in place:
// the first offer for each thing, then the second, and so on.
func (v *Verdict) eachReading(in *Inspection, judge func([]checklist.Answer, checklist.Facts)) {
	judge(reading(in.Answers, in.Facts))
	for n := range maxReadings + 1 {
		as, fs, some := in.offered(n)
		if !some {
			return
		}
		if n == maxReadings {
			v.Human = append(v.Human, HumanNeed{Reason: "同一检查项的不同答案过多，请先处理分歧"})
			return
		}
		judge(reading(as, fs))
	}
}

// offered are the answers and facts with the n-th offer for each thing in place, from 0; some tells whether there is any.
func (in *Inspection) offered(n int) (as []Answer, fs []Fact, some bool) {
	seen := map[thing]int{}
	for i := range in.Conflicts {
		c := &in.Conflicts[i]
		key, ok := c.about()
		if !ok || c.Settled != nil {
			continue
		}
		seen[key]++
		if seen[key] != n+1 {
			continue
		}
		if !some {
			as, fs, some = slices.Clone(in.Answers), slices.Clone(in.Facts), true
		}
		if o := c.Offered.Answer; o != nil {
			if at := slices.IndexFunc(as, func(a Answer) bool { return a.Key() == o.Key() }); at >= 0 {
				as[at] = *o
			}
		}
		if o := c.Offered.Fact; o != nil {
			if at := slices.IndexFunc(fs, func(f Fact) bool { return f.Name == o.Name }); at >= 0 {
				fs[at] = *o
			}
		}
	}
	return as, fs, some
}

// thing is what two answers or two facts disagree about.
type thing struct {
	answer Key
	fact   string
}

// about names the thing; ok is false for what the checklist does not read.
func (c *Conflict) about() (t thing, ok bool) {
	switch {
	case c.Offered.Answer != nil:
		return thing{answer: c.Offered.Answer.Key()}, true
	case c.Offered.Fact != nil:
		return thing{fact: c.Offered.Fact.Name}, true
	}
	return thing{}, false
}

// reading writes answers and facts in the checklist's words.
func reading(as []Answer, fs []Fact) ([]checklist.Answer, checklist.Facts) {
	given := make([]checklist.Answer, len(as))
	for i := range as {
		a := &as[i]
		given[i] = checklist.Answer{
			Item: checklist.ItemCode(a.Item), Instance: string(a.Instance), Result: checklist.Result(a.Result),
			Number: a.Number, Unit: a.Unit, Count: a.Count, Choice: a.Choice, Text: a.Text, Date: checklist.Day(a.Date),
		}
	}
	known := make(checklist.Facts, len(fs))
	for i := range fs {
		switch f := &fs[i]; {
		case f.Yes != nil:
			known[checklist.FactCode(f.Name)] = checklist.FactBool(*f.Yes)
		case f.Number != nil:
			known[checklist.FactCode(f.Name)] = checklist.FactNumber(*f.Number)
		case f.Text != "":
			known[checklist.FactCode(f.Name)] = checklist.FactChoice(f.Text)
		}
	}
	return given, known
}

// take adds what a pack said.
func (v *Verdict) take(out checklist.Verdict, pack *checklist.Pack) {
	for i := range out.Findings {
		v.Findings = enter(v.Findings, found(&out.Findings[i]))
	}
	for _, q := range out.Open {
		for _, r := range q.Rules {
			v.Unknown = append(v.Unknown, RuleID(r))
		}
		o := OpenQuestion{Item: ItemID(q.Item), Fact: string(q.Fact), Instance: Instance(q.Instance), Suspect: q.Suspect}
		o.Ask = ask(pack, q)
		v.Open = append(v.Open, o)
	}
	for _, h := range out.Human {
		need := HumanNeed{Instance: Instance(h.Instance), Reason: h.Reason, Failed: h.Failed}
		if h.Item != "" {
			need.Items = []ItemID{ItemID(h.Item)}
		}
		if len(h.Rules) == 0 {
			v.Human = append(v.Human, need)
		}
		for _, r := range h.Rules {
			need.Rule = RuleID(r)
			v.Human = append(v.Human, need)
		}
	}
}

// beside enters what the pack in force raised.
func (v *Verdict) beside(j *checklist.Judgement, lib Library) {
	if len(j.NotOn) == 0 {
		return
	}
	if v.Second == nil {
		v.Second = &SecondVerdict{}
		for _, s := range j.NotOn {
			v.Second.NotInForce = append(v.Second.NotInForce, string(s))
		}
		for _, s := range j.Unsure {
			v.Second.Unsure = append(v.Second.Unsure, string(s))
		}
	}
	if j.Second == nil {
		return
	}
	v.Second.Pack = string(j.SecondRef)
	for i := range j.Second.Findings {
		v.Second.Findings = enter(v.Second.Findings, found(&j.Second.Findings[i]))
	}
	pack, err := lib.Get(j.SecondRef)
	if err != nil {
		pack = nil
	}
	v.take(*j.Second, pack)
}

// ask is what an open question says to a person.
func ask(pack *checklist.Pack, q checklist.OpenQuestion) string {
	text := string(cmp.Or(string(q.Item), string(q.Fact)))
	if pack != nil {
		if it := pack.Item(q.Item); it != nil {
			text = cmp.Or(it.Text, it.Name, text)
		}
		for i := range pack.Facts {
			if q.Fact != "" && pack.Facts[i].Code == q.Fact {
				text = cmp.Or(pack.Facts[i].Text, text)
			}
		}
	}
	if q.Instance != "" {
		text += "（" + q.Instance + "）"
	}
	return text
}

// found is a rule's finding in the record's words.
func found(f *checklist.Finding) Finding {
	g := Finding{
		Rule: RuleID(f.Rule), Instance: Instance(f.Instance), Class: Class(f.Class), Explanation: f.Explanation,
		Caveat: f.Caveat, Annex1: f.Annex1, ByServer: true,
	}
	for _, it := range f.Items {
		g.Items = append(g.Items, ItemID(it))
	}
	for _, c := range f.Clauses {
		g.Title = cmp.Or(g.Title, c.Heading)
		g.Citations = append(g.Citations, Citation{
			Standard: string(c.Standard), Clause: c.Clause, Title: c.Title, Verified: c.Verified,
		})
	}
	return g
}

// enter keeps the graver of two flags of one thing, and everything else that either knows.
func enter(list []Finding, f Finding) []Finding {
	if f.Class.Rank() == 0 {
		f.Class = General
	}
	at, there := search(list, &f, compareFindings)
	if !there {
		return slices.Insert(list, at, f)
	}
	s := &list[at]
	liftFinding(s, &f)
	s.ByDevice, s.ByServer = s.ByDevice || f.ByDevice, s.ByServer || f.ByServer
	if len(s.Citations) == 0 {
		s.Citations = f.Citations
	}
	if len(s.Items) == 0 {
		s.Items = f.Items
	}
	if len(s.Annex1) == 0 {
		s.Annex1 = f.Annex1
	}
	s.Title = cmp.Or(s.Title, f.Title)
	s.Explanation = cmp.Or(s.Explanation, f.Explanation)
	s.Caveat = cmp.Or(s.Caveat, f.Caveat)
	return list
}

// finish gives every finding the photos of the answers it rests on, sorts, and counts.
func (v *Verdict) finish(in *Inspection) {
	for i := range v.Findings {
		f := &v.Findings[i]
		for k := range in.Answers {
			f.show(&in.Answers[k])
		}
		for k := range in.Conflicts {
			if o := in.Conflicts[k].Offered.Answer; o != nil && in.Conflicts[k].Settled == nil {
				f.show(o)
			}
		}
		switch f.Class {
		case Major:
			v.Major++
		case KeyCase:
			v.Key++
		default:
			v.General++
		}
	}
	slices.Sort(v.Unknown)
	v.Unknown = slices.Compact(v.Unknown)
	slices.SortFunc(v.Open, compareQuestions)
	v.Open = slices.CompactFunc(v.Open, func(a, b OpenQuestion) bool {
		return a.Item == b.Item && a.Fact == b.Fact && a.Instance == b.Instance
	})
	v.Human = together(v.Human)
}

// show takes over an answer's photos if the finding rests on it: the same item, of its own working place or of the site.
func (f *Finding) show(a *Answer) {
	if len(a.Photos) > 0 && (a.Instance == f.Instance || a.Instance == "") && slices.Contains(f.Items, a.Item) {
		f.Photos, _ = union(f.Photos, a.Photos)
	}
}

// compareQuestions puts the suspect one of two equal questions first, so that it is the one which stays.
func compareQuestions(a, b OpenQuestion) int {
	suspect := 0
	if a.Suspect != b.Suspect {
		suspect = 1
		if a.Suspect {
			suspect = -1
		}
	}
	return cmp.Or(cmp.Compare(a.Item, b.Item), cmp.Compare(a.Fact, b.Fact), cmp.Compare(a.Instance, b.Instance),
		suspect, cmp.Compare(a.Ask, b.Ask))
}

// together joins the needs of one rule, place and reason.
func together(needs []HumanNeed) []HumanNeed {
	same := func(a, b HumanNeed) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Reason, b.Reason))
	}
	slices.SortStableFunc(needs, same)
	var out []HumanNeed
	for _, n := range needs {
		if len(out) == 0 || same(out[len(out)-1], n) != 0 {
			out = append(out, n)
			continue
		}
		last := &out[len(out)-1]
		for _, it := range n.Items {
			if at, ok := slices.BinarySearch(last.Items, it); !ok {
				last.Items = slices.Insert(slices.Clone(last.Items), at, it)
			}
		}
	}
	return out
}
