package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"paicha/checklist"
)

// checklists is "paicha checklist lint [DIR]": DIR holds packs/ and standards/; without it, what comes with the program.
func checklists(_ context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] != "lint" || len(args) > 2 {
		fmt.Fprintln(stderr, "用法：paicha checklist lint [含 packs 与 standards 的目录]")
		return 2
	}
	var problems []checklist.Problem
	if len(args) == 2 {
		problems = checklist.LintFS(os.DirFS(args[1]))
	} else {
		problems = checklist.LintEmbedded()
	}
	for _, p := range problems {
		fmt.Fprintln(stdout, p)
	}
	if len(problems) > 0 {
		fmt.Fprintf(stdout, "共 %d 处问题\n", len(problems))
		return 1
	}
	fmt.Fprintln(stdout, "检查清单与判定标准没有问题")
	return 0
}
