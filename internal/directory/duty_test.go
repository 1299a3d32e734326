package directory

import (
	"os"
	"strings"
	"testing"
)

// TestDuties compares every body and role word with the plan's part three, kept in testdata as printed.
func TestDuties(t *testing.T) {
	text, err := os.ReadFile("testdata/part-three.txt")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		_, rest, _ := strings.Cut(line, "）")
		name, sentence, _ := strings.Cut(rest, "。")
		said[name] = sentence
	}
	if len(said) != 15 {
		t.Fatalf("%d sectors in the plan's text", len(said))
	}
	printed := 0
	for _, s := range Sectors() {
		if s.Parent != "" {
			continue
		}
		sentence, ok := said[s.Name]
		if !ok {
			t.Errorf("the plan has no sector %s", s.Name)
			continue
		}
		printed++
		if got := render(s); got != sentence {
			t.Errorf("%s\n seed %s\n plan %s", s.ID, got, sentence)
		}
	}
	if printed != 15 {
		t.Errorf("%d sectors compared", printed)
	}
	parts := map[string][]Duty{}
	other, _ := SectorByID(OtherSector)
	for _, d := range other.Duties {
		parts[d.Part] = append(parts[d.Part], d)
	}
	for _, id := range OtherSector.Subsectors() {
		s, _ := SectorByID(id)
		if len(s.Duties) == 0 || len(s.Duties) != len(parts[s.Name]) {
			t.Errorf("%s: duties differ from those of other", id)
		}
		for i, d := range s.Duties {
			if w := parts[s.Name][i]; d.Body != w.Body || d.Role != w.Role || d.Part != w.Part || d.Sector != id {
				t.Errorf("%s: %+v, want as %+v", id, d, w)
			}
		}
	}
	if len(OtherSector.Subsectors()) != 7 {
		t.Error("not seven sectors within other")
	}
}

// render prints a sector's duties as the plan does, so that a body, a role word, an order or a 等 that differs shows.
func render(s Sector) string {
	type group struct {
		part, role string
		bodies     []string
		others     bool
	}
	var groups []group
	for _, d := range s.Duties {
		if n := len(groups); n > 0 && groups[n-1].part == d.Part && groups[n-1].role == string(d.Role) {
			groups[n-1].bodies, groups[n-1].others = append(groups[n-1].bodies, d.Body), d.AndOthers
			continue
		}
		groups = append(groups, group{d.Part, string(d.Role), []string{d.Body}, d.AndOthers})
	}
	var out []string
	for _, g := range groups {
		list, others := strings.Join(g.bodies, "、"), ""
		if g.others {
			others = "等"
		}
		switch {
		case s.ID == OtherSector:
			out = append(out, g.part+"（"+list+g.role+"）")
		case g.part != "":
			out = append(out, strings.Join(g.bodies, "和")+g.role+g.part)
		default:
			out = append(out, list+others+g.role)
		}
	}
	if s.ID == OtherSector {
		return strings.Join(out, "、") + "等其他重点领域"
	}
	return "由" + strings.Join(out, "，")
}

func TestDepartments(t *testing.T) {
	none := map[string]bool{"国家矿山安监局云南局执法三处": true, "有关建设指挥机构": true, "滇中引水建管局红河分局": true, "州消安委有关成员单位": true}
	for _, s := range Sectors() {
		for _, d := range s.Duties {
			if (d.Department == "") != none[d.Body] {
				t.Errorf("%s of %s has department %q", d.Body, s.ID, d.Department)
			}
		}
	}
	for _, d := range Departments() {
		if got, err := ParseDepartment(string(d.ID)); err != nil || got.Region() != d.Region {
			t.Errorf("%s: %v", d.ID, err)
		}
	}
	for _, bad := range []string{"", "5325", "5325-", "99-yjj", "5325-应急", "5325-a/b"} {
		if _, err := ParseDepartment(bad); err == nil {
			t.Errorf("%q is taken for a department", bad)
		}
	}
}
