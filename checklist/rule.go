package checklist

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// RuleID names a rule, unique in its pack. The rule that a Conform item implies has the item's code as its id.
type RuleID string

// Class is the weight of a finding.
type Class string

// The classes, heaviest first.
const (
	Major   Class = "major"   // 重大隐患
	Key     Class = "key"     // 重点问题: the plan's 集中攻坚, counted apart in Annex 2
	General Class = "general" // 一般隐患
)

// Label is the Chinese word of the class; an unknown class is labelled with itself.
func (c Class) Label() string {
	switch c {
	case Major:
		return "重大隐患"
	case Key:
		return "重点问题"
	case General:
		return "一般隐患"
	}
	return string(c)
}

// Rank orders the classes: Major 3, Key 2, General 1, anything else 0.
func (c Class) Rank() int {
	switch c {
	case Major:
		return 3
	case Key:
		return 2
	case General:
		return 1
	}
	return 0
}

// Op compares a measured value with a limit.
type Op string

// The comparators, spelled as in CEL and in the standards files.
const (
	Over     Op = ">"
	AtLeast  Op = ">="
	Under    Op = "<"
	AtMost   Op = "<="
	Equal    Op = "=="
	NotEqual Op = "!="
)

var opSigns = map[Op]string{Over: ">", AtLeast: "≥", Under: "<", AtMost: "≤", Equal: "=", NotEqual: "≠"}

// Sign is how a person reads the comparator: ≥ for ">=".
func (o Op) Sign() string { return opSigns[o] }

// Holds compares two values.
func (o Op) Holds(value, limit float64) bool {
	switch o {
	case Over:
		return value > limit
	case AtLeast:
		return value >= limit
	case Under:
		return value < limit
	case AtMost:
		return value <= limit
	case Equal:
		return value == limit
	case NotEqual:
		return value != limit
	}
	return false
}

// Condition is one structured test of an item or a tally. Exactly one of Value, Than and Is is given: a limit in the
// item's unit, another item's value (design against measured), or the choices (of a Conform item: results) that make it
// true. A limit of a Date item is in 天: days from that date to the day of the inspection. A tally takes ">=" only.
type Condition struct {
	Item  ItemCode  `json:"item,omitempty" yaml:"item,omitempty"`
	Tally TallyCode `json:"tally,omitempty" yaml:"tally,omitempty"`
	Op    Op        `json:"op,omitempty" yaml:"op,omitempty"`
	Value *float64  `json:"value,omitempty" yaml:"value,omitempty"`
	Unit  string    `json:"unit,omitempty" yaml:"unit,omitempty"`
	Than  ItemCode  `json:"than,omitempty" yaml:"than,omitempty"`
	Is    []string  `json:"is,omitempty" yaml:"is,omitempty,flow"`
}

// Rule raises a finding when its condition is true. In a published pack every rule stands with its CEL text, also those
// that an item or a threshold implied, so that a tablet evaluates plain CEL and nothing is hidden.
type Rule struct {
	ID         RuleID       `json:"id"`
	Class      Class        `json:"class"`
	When       string       `json:"when"`              // CEL over answers and facts
	Applies    string       `json:"applies,omitempty"` // CEL: false means the rule does not concern this site
	Threshold  *Condition   `json:"threshold,omitempty"`
	While      []Condition  `json:"while,omitempty"` // all must hold besides the threshold
	Reads      []ItemCode   `json:"reads"`           // items of When and Applies
	Facts      []FactCode   `json:"facts,omitempty"`
	Tallies    []TallyCode  `json:"tallies,omitempty"`
	Clauses    []ClauseRef  `json:"clauses"`
	Measures   []MeasureRef `json:"measures,omitempty"`
	Explain    string       `json:"explain"`              // template; {item-code} becomes the answer with its unit
	Caveat     string       `json:"caveat,omitempty"`     // the limit was borrowed from another norm or not checked
	Unverified bool         `json:"unverified,omitempty"` // every clause cited is unverified

	when, applies *expression
	reads         []int // positions of Reads in the pack
}

// direct tells whether the rule itself reads an item, and not only one of its tallies.
func (r *Rule) direct(code ItemCode) bool {
	return len(r.Tallies) == 0 || slices.Contains(r.when.direct, code) || r.applies != nil && slices.Contains(r.applies.direct, code)
}

// number writes a float as CEL and JavaScript read a double: always with a point, never with an exponent.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// show writes a float for people, without a needless ".0".
func show(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// field is the place of an item's value in an expression.
func field(it *Item) string {
	name := string(it.Kind)
	if it.Kind == Conform {
		name = "result"
	}
	return fmt.Sprintf("ans[%q].%s", string(it.Code), name)
}

// misfit is what is wrong with a condition: under which key, and a Chinese sentence.
type misfit struct{ key, message string }

func (m *misfit) Error() string { return m.message }

func unfit(key, format string, args ...any) error {
	return &misfit{key: key, message: fmt.Sprintf(format, args...)}
}

// misfitPath is the path of a condition, extended by the key under which it is wrong.
func misfitPath(err error, path ...any) []any {
	if m, ok := errors.AsType[*misfit](err); ok {
		path = append(path, m.key)
	}
	return path
}

// expression writes the condition as CEL and as a piece of an explanation template. The error is a Chinese sentence.
func (c Condition) expression(items map[ItemCode]*Item, tallies map[TallyCode]bool) (cel, explain string, err error) {
	if c.Tally != "" {
		return c.tally(tallies)
	}
	it := items[c.Item]
	if it == nil {
		return "", "", unfit("item", "条件引用的项目“%s”不存在", clip(string(c.Item)))
	}
	given := 0
	for _, yes := range []bool{c.Value != nil, c.Than != "", len(c.Is) > 0} {
		if yes {
			given++
		}
	}
	if given != 1 {
		return "", "", unfit("value", "项目“%s”的条件必须在 value、than、is 中恰好填一个", it.Code)
	}
	if len(c.Is) > 0 {
		return c.choice(it)
	}
	if c.Op.Sign() == "" {
		return "", "", unfit("op", "项目“%s”的比较符“%s”不认识，应为 > >= < <= == != 之一", it.Code, clip(string(c.Op)))
	}
	if it.Kind == Date {
		return c.date(it, items)
	}
	if it.Kind != Number && it.Kind != Count {
		return "", "", unfit("item", "项目“%s”不是数值，不能与限值比较", it.Code)
	}
	if c.Than != "" {
		other := items[c.Than]
		if other == nil {
			return "", "", unfit("than", "条件引用的项目“%s”不存在", clip(string(c.Than)))
		}
		if other.Kind != it.Kind || other.Unit != it.Unit {
			return "", "", unfit("than", "项目“%s”与“%s”的类型或单位不同，不能比较", it.Code, other.Code)
		}
		return fmt.Sprintf("%s %s %s", field(it), c.Op, field(other)),
			fmt.Sprintf("%s {%s} %s %s {%s}", it.Name, it.Code, c.Op.Sign(), other.Name, other.Code), nil
	}
	if c.Unit != it.Unit {
		return "", "", unfit("unit", "项目“%s”的限值单位“%s”与项目单位“%s”不同", it.Code, clip(c.Unit), it.Unit)
	}
	return fmt.Sprintf("%s %s %s", field(it), c.Op, number(*c.Value)),
		fmt.Sprintf("%s {%s} %s %s%s", it.Name, it.Code, c.Op.Sign(), show(*c.Value), shownUnit(it.Unit)), nil
}

// tally is true as soon as enough members hold, whatever is unknown, and false once too few are left; in between it is
// an error, because the unknown ones decide.
func (c Condition) tally(tallies map[TallyCode]bool) (cel, explain string, err error) {
	switch {
	case !tallies[c.Tally]:
		return "", "", unfit("tally", "计数“%s”不存在，或不能用在这里", clip(string(c.Tally)))
	case c.Item != "" || c.Than != "" || len(c.Is) > 0 || c.Op != AtLeast || c.Value == nil || c.Unit != "条" && c.Unit != "项":
		return "", "", unfit("tally", "计数“%s”的条件应为 {tally, op: \">=\", value, unit: 条 或 项}", c.Tally)
	}
	of, limit := fmt.Sprintf("tally[%q]", string(c.Tally)), number(*c.Value)
	return fmt.Sprintf("(%s.least >= %s || %s.most >= %s && %s.number >= %s)", of, limit, of, limit, of, limit),
		fmt.Sprintf("成立 {tally:%s} ≥ %s%s", c.Tally, show(*c.Value), c.Unit), nil
}

// daysField reads a Date as the days from it to the day of the inspection; negative for what lies ahead.
const daysField = "days"

func (c Condition) date(it *Item, items map[ItemCode]*Item) (cel, explain string, err error) {
	if c.Than != "" {
		other := items[c.Than]
		if other == nil || other.Kind != Date {
			return "", "", unfit("than", "条件引用的日期项目“%s”不存在", clip(string(c.Than)))
		}
		return fmt.Sprintf("%s %s %s", field(it), c.Op, field(other)),
			fmt.Sprintf("%s {%s} %s %s {%s}", it.Name, it.Code, c.Op.Sign(), other.Name, other.Code), nil
	}
	if c.Unit != "天" {
		return "", "", unfit("unit", "项目“%s”是日期，限值单位应为“天”", it.Code)
	}
	return fmt.Sprintf("ans[%q].%s %s %s", string(it.Code), daysField, c.Op, number(*c.Value)),
		fmt.Sprintf("%s {%s}，距检查日 {days:%s} 天 %s %s天", it.Name, it.Code, it.Code, c.Op.Sign(), show(*c.Value)), nil
}

func (c Condition) choice(it *Item) (cel, explain string, err error) {
	if c.Op != "" || c.Unit != "" || it.Kind != Conform && it.Kind != Choice {
		return "", "", unfit("is", "项目“%s”的 is 条件只用于选择项或符合性项目，且不带比较符和单位", it.Code)
	}
	choices := it.Choices
	if it.Kind == Conform {
		choices = []string{string(ResultConform), string(ResultNonconform), string(ResultNA)}
	}
	quoted := make([]string, len(c.Is))
	for i, s := range c.Is {
		if !slices.Contains(choices, s) {
			return "", "", unfit("is", "项目“%s”没有选项“%s”", it.Code, clip(s))
		}
		if strings.ContainsAny(s, "\"\\\n") {
			return "", "", unfit("is", "项目“%s”的选项“%s”含有不允许的字符", it.Code, clip(s))
		}
		quoted[i] = `"` + s + `"`
	}
	cel = fmt.Sprintf("%s in [%s]", field(it), strings.Join(quoted, ", "))
	if len(quoted) == 1 {
		cel = fmt.Sprintf("%s == %s", field(it), quoted[0])
	}
	return cel, fmt.Sprintf("%s：{%s}", it.Name, it.Code), nil
}

// expand writes When and Explain of a rule that was given as threshold and conditions. With an error it tells the path
// to what is wrong.
func (r *Rule) expand(items map[ItemCode]*Item, tallies map[TallyCode]bool) ([]any, error) {
	var cel, explain []string
	add := func(c Condition, path ...any) ([]any, error) {
		e, x, err := c.expression(items, tallies)
		if err != nil {
			return misfitPath(err, path...), err
		}
		cel, explain = append(cel, e), append(explain, x)
		return nil, nil
	}
	if r.Threshold != nil {
		if len(r.Threshold.Is) > 0 {
			return []any{"threshold", "is"}, fmt.Errorf("threshold 必须是数值限值")
		}
		if path, err := add(*r.Threshold, "threshold"); err != nil {
			return path, err
		}
	}
	for k, c := range r.While {
		if path, err := add(c, "while", k); err != nil {
			return path, err
		}
	}
	if len(cel) == 0 {
		return nil, nil
	}
	r.When = strings.Join(cel, " && ")
	if r.Explain == "" {
		r.Explain = strings.Join(explain, "，")
	}
	return nil, nil
}
