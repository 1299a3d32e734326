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

// checklistUsage is what "paicha checklist" says when it is not understood.
const checklistUsage = `用法：
  paicha checklist lint [目录]
  paicha checklist export 编号@版本|清单.yaml|清单.json -o 清单.xlsx [--dir 目录] [--standards 目录]
  paicha checklist import 清单.xlsx [-o 清单.yaml] [--dir 目录] [--standards 目录]
--dir 是含 packs 与 standards 的目录，--standards 是判定标准文件所在的目录；不给则用程序自带的。`

// checklists is "paicha checklist": lint what comes with the program or stands in a folder, and turn packs into workbooks
// and back.
func checklists(_ context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "lint":
			if len(args) <= 2 {
				return lintChecklists(args[1:], stdout)
			}
		case "export", "import":
			return checklistExcel(args[0], args[1:], stdout, stderr)
		}
	}
	fmt.Fprintln(stderr, checklistUsage)
	return 2
}

func lintChecklists(args []string, stdout io.Writer) int {
	var problems []checklist.Problem
	if len(args) == 1 {
		problems = checklist.LintFS(os.DirFS(args[0]))
	} else {
		problems = checklist.LintEmbedded()
	}
	if tellProblems(problems, stdout) {
		return 1
	}
	fmt.Fprintln(stdout, "检查清单与判定标准没有问题")
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
