package inspection

import (
	"testing"

	"paicha/checklist"
)

func TestDutiesOfAnEnterprise(t *testing.T) {
	bundle, err := checklist.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	var pack *checklist.Pack
	for _, p := range bundle.Packs {
		if p.ID == "enterprise-duty" {
			pack = p
		}
	}
	duties := func(answers ...Answer) map[int]Duty {
		in := begun(t, answers...)
		v := Judge(&in, pack)
		rows := map[int]Duty{}
		for _, d := range v.Duties {
			if d.Row > 0 {
				rows[d.Row] = d
			}
		}
		return rows
	}
	t.Run("EightRows", func(t *testing.T) {
		rows := duties()
		for n := 1; n <= 8; n++ {
			if d := rows[n]; d.Title == "" || d.Counted || n > 1 && d.Outcome != Unsettled {
				t.Errorf("row %d of an unanswered check: %+v", n, d)
			}
		}
	})
	t.Run("Counted", func(t *testing.T) {
		rows := duties(Answer{Item: "annex.checked", Choice: "是"}, bad("annex.led"), good("annex.studied"))
		if !rows[1].Counted || !rows[3].Counted || rows[3].Outcome != Failed || rows[2].Counted {
			t.Errorf("%+v", rows)
		}
		if rows[3].Items[0] != "annex.led" {
			t.Errorf("what decided it: %+v", rows[3])
		}
	})
	t.Run("NotChecked", func(t *testing.T) {
		if rows := duties(Answer{Item: "annex.checked", Choice: "否"}); rows[1].Counted {
			t.Errorf("%+v", rows[1])
		}
	})
	t.Run("OtherPacksHaveNone", func(t *testing.T) {
		in := begun(t)
		if v := Judge(&in, testPack(t, "gas@2")); len(v.Duties) != 0 {
			t.Errorf("%+v", v.Duties)
		}
	})
}
