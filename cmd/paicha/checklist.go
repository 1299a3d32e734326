package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"paicha/checklist"
)

// checklistCommands are the tools for packs and standards. A directory, where one is named, holds packs/ and standards/;
// without it they work on what comes with the program.
func checklistCommands() []subcommand {
	return []subcommand{
		{"lint", "检查清单与判定标准有无错误：paicha checklist lint [目录]", lintChecklists},
		{"coverage", "方案和判定标准的各条由哪些项目承担，有无缺口：paicha checklist coverage [目录]", coverChecklists},
	}
}

// checklists is "paicha checklist".
func checklists(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		for _, c := range checklistCommands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], stdout, stderr)
			}
		}
		fmt.Fprintf(stderr, "没有“checklist %s”这个命令。\n\n", args[0])
	}
	fmt.Fprintln(stderr, "检查清单工具。用法：paicha checklist 命令 [参数]")
	for _, c := range checklistCommands() {
		fmt.Fprintf(stderr, "  %-12s %s\n", c.name, c.help)
	}
	return 2
}

// lintChecklists is "paicha checklist lint [DIR]".
func lintChecklists(_ context.Context, args []string, stdout, stderr io.Writer) int {
	var problems []checklist.Problem
	switch len(args) {
	case 0:
		problems = checklist.LintEmbedded()
	case 1:
		problems = checklist.LintFS(os.DirFS(args[0]))
	default:
		fmt.Fprintln(stderr, "用法：paicha checklist lint [含 packs 与 standards 的目录]")
		return 2
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

// coverChecklists is "paicha checklist coverage [DIR]"; DIR may hold its own plan.yaml.
func coverChecklists(_ context.Context, args []string, stdout, stderr io.Writer) int {
	var c *checklist.Coverage
	var err error
	switch len(args) {
	case 0:
		c, err = checklist.CoverEmbedded()
	case 1:
		c, err = checklist.CoverFS(os.DirFS(args[0]))
	default:
		fmt.Fprintln(stderr, "用法：paicha checklist coverage [含 packs 与 standards 的目录]")
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	for _, p := range c.Places {
		fmt.Fprintln(stdout, p)
	}
	open := c.Open()
	for _, g := range open {
		fmt.Fprintln(stdout, g)
	}
	fmt.Fprintf(stdout, "缺口 %d 处，另有 %d 处已列明原因\n", len(open), len(c.Gaps)-len(open))
	if len(open) > 0 {
		return 1
	}
	return 0
}
