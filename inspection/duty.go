package inspection

import (
	"slices"

	"paicha/checklist"
)

// Outcome is what a check came to for one duty of an enterprise.
type Outcome string

// The outcomes, gravest first. Unknown is never met.
const (
	Failed     Outcome = "failed"
	Unsettled  Outcome = "unknown" // not answered, or for a person to judge
	Met        Outcome = "met"
	NotAtIssue Outcome = "na" // nothing of it concerns this enterprise
)

// Duty is the outcome of one of the six tasks (六项任务, the pack's sections) or of one row of Annex 1,
// 对企业自查自改进行抽查检查情况.
type Duty struct {
	Task    string   `json:"task,omitzero"` // the section's id
	Row     int      `json:"row,omitzero"`  // of Annex 1
	Title   string   `json:"title"`
	Outcome Outcome  `json:"outcome"`
	Counted bool     `json:"counted,omitzero"` // the row counts this enterprise: row 1 if it was checked, the others if they failed
	Items   []ItemID `json:"items,omitempty"`  // those that decided it: failed or not settled
}

// duties sums a verdict up by task and by row. Only packs that name rows of Annex 1 have duties.
func (v *Verdict) duties(in *Inspection, pack *checklist.Pack) {
	rows := map[int]*Duty{}
	for _, it := range pack.Items() {
		if it.Annex1 > 0 && rows[it.Annex1] == nil {
			rows[it.Annex1] = &Duty{Row: it.Annex1, Title: annex1Rows[it.Annex1], Outcome: NotAtIssue}
		}
	}
	if len(rows) == 0 {
		return
	}
	for i := range pack.Sections {
		s := &pack.Sections[i]
		task := Duty{Task: s.ID, Title: s.Title, Outcome: NotAtIssue}
		for k := range s.Items {
			it := &s.Items[k]
			o := v.outcome(in, ItemID(it.Code))
			task.join(o, ItemID(it.Code))
			if it.Annex1 > 0 {
				rows[it.Annex1].join(o, ItemID(it.Code))
			}
		}
		v.Duties = append(v.Duties, task)
	}
	for n := 1; n < len(annex1Rows); n++ {
		d := rows[n]
		if d == nil {
			continue
		}
		d.Counted = d.Outcome == Failed
		if n == 1 {
			d.Counted = in.spotChecked(pack)
		}
		v.Duties = append(v.Duties, *d)
	}
}

// spotChecked reports whether the inspectors said that they looked at the enterprise's own checking: the first choice of
// the item of row 1.
func (in *Inspection) spotChecked(pack *checklist.Pack) bool {
	for _, it := range pack.Items() {
		if it.Annex1 != 1 || it.Kind != checklist.Choice {
			continue
		}
		return slices.ContainsFunc(in.Answers, func(a Answer) bool { return a.Item == ItemID(it.Code) && a.Choice == it.Choices[0] })
	}
	return false
}

// annex1Rows are the rows of Annex 1 as the plan prints them, without their units.
var annex1Rows = [...]string{
	1: "部门抽查检查的企业总数", 2: "企业主要负责人未按要求亲自研究排查整治工作", 3: "企业主要负责人未带队检查",
	4: "企业未制定分管负责人职责清单", 5: "企业未依法建立安全管理机构和配足安全管理人员",
	6: "电焊等特种作业岗位人员无证上岗作业", 7: "外包外租安全管理混乱", 8: "未按规定开展应急演练、员工不熟悉逃生出口",
}

var gravity = []Outcome{NotAtIssue, Met, Unsettled, Failed}

func (d *Duty) join(o Outcome, item ItemID) {
	was, is := slices.Index(gravity, d.Outcome), slices.Index(gravity, o)
	if is > was {
		d.Outcome, d.Items = o, nil
	}
	if is >= was && (o == Failed || o == Unsettled) {
		d.Items = append(d.Items, item)
	}
}

// outcome is what the verdict says of one item.
func (v *Verdict) outcome(in *Inspection, item ItemID) Outcome {
	if slices.ContainsFunc(v.Findings, func(f Finding) bool { return slices.Contains(f.Items, item) }) {
		return Failed
	}
	if slices.ContainsFunc(v.Open, func(q OpenQuestion) bool { return q.Item == item }) ||
		slices.ContainsFunc(v.Human, func(h HumanNeed) bool { return slices.Contains(h.Items, item) }) {
		return Unsettled
	}
	if slices.ContainsFunc(in.Answers, func(a Answer) bool { return a.Item == item && a.Result != NotApplicable }) {
		return Met
	}
	return NotAtIssue
}
