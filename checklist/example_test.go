package checklist_test

import (
	"fmt"

	"paicha/checklist"
)

// A methane reading over the limit while work goes on is a suspected major hazard; the finding says what it rests on.
func ExamplePack_Judge() {
	bundle, err := checklist.Embedded()
	if err != nil {
		fmt.Println(err)
		return
	}
	library := checklist.NewLibrary()
	for _, p := range bundle.Packs {
		if err := library.Add(p, "2023-05-15", ""); err != nil {
			fmt.Println(err)
			return
		}
	}
	pack, err := library.Current("coal-mine", "2023-06-01")
	if err != nil {
		fmt.Println(err)
		return
	}
	methane := 1.2
	verdict := pack.Judge("2023-06-15", []checklist.Answer{
		{Item: "gas.methane-return", Instance: "3101回风巷", Number: &methane, Unit: "%"},
		{Item: "gas.return-work", Instance: "3101回风巷", Choice: "仍在作业"},
	}, checklist.Facts{"mine-kind": checklist.FactChoice("井工")})
	for _, f := range verdict.Findings {
		fmt.Println(f.Class.Label(), f.Instance, f.Clauses[0].Ref)
		fmt.Println(f.Explanation)
		fmt.Println(f.Caveat)
	}
	// Output:
	// 重大隐患 3101回风巷 coal-mine-2020#第五条(二)
	// 回风流甲烷浓度 1.2% > 1%，该地点状态：仍在作业
	// 限值：取自《煤矿安全规程》2022年修正版,未核对新版条号
}
