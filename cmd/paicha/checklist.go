package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"paicha/checklist"
)

// checklistUsage is what the commands that take flags say when they are not understood.
const checklistUsage = `用法：
  paicha checklist export 编号@版本|清单.yaml|清单.json -o 清单.xlsx [--dir 目录] [--standards 目录]
  paicha checklist import 清单.xlsx [-o 清单.yaml] [--dir 目录] [--standards 目录]
--dir 是含 packs 与 standards 的目录，--standards 是判定标准文件所在的目录；不给则用程序自带的。`

// checklistCommands are the tools for packs and standards. A directory, where one is named, holds packs/ and standards/;
// without it they work on what comes with the program.
func checklistCommands() []subcommand {
	return []subcommand{
		{"lint", "检查清单与判定标准有无错误：paicha checklist lint [目录]", lintChecklists},
		{"coverage", "方案和判定标准的各条由哪些项目承担，有无缺口：paicha checklist coverage [目录]", coverChecklists},
		{"export", "导出为 Excel：paicha checklist export 编号@版本|清单.yaml|清单.json -o 清单.xlsx [--dir 目录] [--standards 目录]", excelCommand("export")},
		{"import", "从 Excel 导入：paicha checklist import 清单.xlsx [-o 清单.yaml] [--dir 目录] [--standards 目录]", excelCommand("import")},
	}
}

// checklists is "paicha checklist".
func checklists(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return pick(ctx, checklistCommands(), "检查清单工具。用法：paicha checklist 命令 [参数]", args, stdout, stderr)
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
	if tellProblems(problems, stdout) {
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

// tellProblems reports whether there are any.
func tellProblems(problems []checklist.Problem, stdout io.Writer) bool {
	for _, p := range problems {
		fmt.Fprintln(stdout, p)
	}
	if len(problems) > 0 {
		fmt.Fprintf(stdout, "共 %d 处问题\n", len(problems))
	}
	return len(problems) > 0
}

// checklistFlags are those of export and import; what is not a flag may stand before, between and behind them.
type checklistFlags struct {
	file, out, dir, standards string
}

func parseChecklistFlags(name string, args []string, stderr io.Writer) (checklistFlags, bool) {
	var f checklistFlags
	set := flag.NewFlagSet("paicha checklist "+name, flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() { fmt.Fprintln(stderr, checklistUsage) }
	set.StringVar(&f.out, "o", "", "写到这个文件")
	set.StringVar(&f.dir, "dir", "", "含 packs 与 standards 的目录")
	set.StringVar(&f.standards, "standards", "", "判定标准文件所在的目录")
	for {
		if err := set.Parse(args); err != nil {
			return f, false
		}
		if set.NArg() == 0 {
			break
		}
		if f.file != "" {
			set.Usage()
			return f, false
		}
		f.file, args = set.Arg(0), set.Args()[1:]
	}
	if f.file == "" || name == "export" && f.out == "" {
		set.Usage()
		return f, false
	}
	return f, true
}

// files are the packs and standards that the flags choose.
func (f checklistFlags) files() fs.FS {
	if f.dir != "" {
		return os.DirFS(f.dir)
	}
	return checklist.Files()
}

func (f checklistFlags) loadStandards() (*checklist.Standards, error) {
	if f.standards != "" {
		return checklist.LoadStandards(os.DirFS(f.standards), ".")
	}
	return checklist.LoadStandards(f.files(), "standards")
}
