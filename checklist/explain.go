package checklist

import (
	"fmt"
	"strings"
)

// checkTemplate requires that every {code} of an explanation is an item, every {days:code} a date and every {tally:code}
// a tally.
func (p *Pack) checkTemplate(template string) error {
	if strings.TrimSpace(template) == "" {
		return fmt.Errorf("缺少说明文字")
	}
	rest := template
	for {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return nil
		}
		code, tail, closed := strings.Cut(after, "}")
		if name, ok := strings.CutPrefix(code, "tally:"); ok && closed && p.tallyIndex[TallyCode(name)] != nil {
			rest = tail
			continue
		}
		if name, ok := strings.CutPrefix(code, "days:"); ok {
			if it := p.Item(ItemCode(name)); it != nil && it.Kind == Date {
				rest = tail
				continue
			}
		}
		if _, ok := p.index[ItemCode(code)]; !closed || !ok {
			return fmt.Errorf("说明文字引用的项目“%s”不存在", clip(code))
		}
		rest = tail
	}
}

// explain fills a template with what was answered in one working place.
func (j *judging) explain(template string, instance int) string {
	var b strings.Builder
	rest := template
	for {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		code, tail, _ := strings.Cut(after, "}")
		if name, ok := strings.CutPrefix(code, "tally:"); ok {
			b.WriteString(j.showTally(TallyCode(name), instance))
			rest = tail
			continue
		}
		if name, ok := strings.CutPrefix(code, "days:"); ok {
			i := j.pack.index[ItemCode(name)]
			b.WriteString(j.cell(instance, i).showDays(j.pack.items[i], j.today))
			rest = tail
			continue
		}
		i := j.pack.index[ItemCode(code)]
		b.WriteString(j.cell(instance, i).show(j.pack.items[i]))
		rest = tail
	}
}

// shownUnit is a unit as a person reads it after a number: a ratio has none, and months are counted with 个.
func shownUnit(unit string) string {
	switch unit {
	case "比值":
		return ""
	case "月":
		return "个月"
	}
	return unit
}

var resultWords = map[Result]string{ResultConform: "符合", ResultNonconform: "不符合", ResultNA: "不适用"}

// show is an answer as a person reads it. A converted number shows both: 12‰（折合 1.2%）.
func (c *cell) show(it *Item) string {
	switch c.state {
	case notApplicable:
		return "不适用"
	case forHuman:
		return "（待人工判定）"
	case unanswered:
		return "（未填）"
	}
	switch it.Kind {
	case Number:
		s := show(c.number) + shownUnit(it.Unit)
		if spell(c.answer.Unit) != spell(it.Unit) {
			s = fmt.Sprintf("%s%s（折合 %s）", show(*c.answer.Number), c.answer.Unit, s)
		}
		return s
	case Count:
		return show(c.number) + shownUnit(it.Unit)
	case Conform:
		return resultWords[c.answer.Result]
	case Choice:
		return c.answer.Choice
	case Date:
		return string(c.answer.Date)
	}
	return clip(c.answer.Text)
}

// showDays is the days from a date to the day of the inspection, as a person reads them.
func (c *cell) showDays(it *Item, today Day) string {
	if c.state != answered {
		return c.show(it)
	}
	if days, ok := c.answer.Date.until(today); ok {
		return show(days)
	}
	return "（未知）"
}
