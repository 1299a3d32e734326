package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"paicha/checklist"
	"paicha/checklist/excel"
	"paicha/internal/fault"
)

// excelCommand is "paicha checklist export" or "import".
func excelCommand(name string) func(context.Context, []string, io.Writer, io.Writer) int {
	return func(_ context.Context, args []string, stdout, stderr io.Writer) int {
		return checklistExcel(name, args, stdout, stderr)
	}
}

func checklistExcel(name string, args []string, stdout, stderr io.Writer) int {
	f, ok := parseChecklistFlags(name, args, stderr)
	if !ok {
		return 2
	}
	standards, err := f.loadStandards()
	if err != nil {
		return tellFault(err, stderr)
	}
	if name == "export" {
		return exportChecklist(f, standards, stdout, stderr)
	}
	return importChecklist(f, standards, stdout, stderr)
}

func exportChecklist(f checklistFlags, standards *checklist.Standards, stdout, stderr io.Writer) int {
	source, problems, err := f.source()
	if err != nil {
		return tellFault(err, stderr)
	}
	if tellProblems(problems, stdout) {
		return 1
	}
	var book bytes.Buffer
	if err := excel.Write(&book, source, standards); err != nil {
		return tellFault(err, stderr)
	}
	if err := os.WriteFile(f.out, book.Bytes(), 0o644); err != nil {
		return tellFault(err, stderr)
	}
	fmt.Fprintf(stdout, "已写入 %s：%s@%s\n", f.out, source.ID, source.Version)
	return 0
}

// source finds what to export: a version by its name, a YAML file, or a published pack as JSON, which has no YAML.
func (f checklistFlags) source() (*checklist.Source, []checklist.Problem, error) {
	ref, notRef := checklist.ParsePackRef(f.file)
	if notRef == nil {
		source, err := checklist.FindSource(f.files(), ref)
		return source, nil, err
	}
	data, err := os.ReadFile(f.file)
	if err != nil {
		return nil, nil, err
	}
	if filepath.Ext(f.file) == ".json" {
		p, err := checklist.DecodePack(data, "")
		if err != nil {
			return nil, nil, err
		}
		source, err := p.Source()
		return source, nil, err
	}
	source, problems := checklist.ParseSource(f.file, data)
	return source, problems, nil
}

func importChecklist(f checklistFlags, standards *checklist.Standards, stdout, stderr io.Writer) int {
	book, err := os.Open(f.file)
	if err != nil {
		return tellFault(err, stderr)
	}
	defer func() { _ = book.Close() }()
	info, err := book.Stat()
	if err != nil {
		return tellFault(err, stderr)
	}
	yaml, pack, problems := excel.Read(book, info.Size(), standards)
	for i := range problems {
		problems[i].File = f.file
	}
	if tellProblems(problems, stdout) {
		return 1
	}
	if f.out == "" {
		_, err = stdout.Write(yaml)
	} else {
		err = os.WriteFile(f.out, yaml, 0o644)
	}
	if err != nil {
		return tellFault(err, stderr)
	}
	fmt.Fprintf(stderr, "%s：%d 个项目，%d 条规则，哈希值 %s\n", pack.Ref(), len(pack.Items()), len(pack.Rules), pack.Hash())
	for _, p := range checklist.Lint(f.out, yaml, standards) {
		fmt.Fprintf(stderr, "提示：%s\n", p)
	}
	return 0
}

// tellFault says what went wrong: the sentence of a fault, else the error of the system.
func tellFault(err error, stderr io.Writer) int {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		fmt.Fprintln(stderr, f.Message)
	} else {
		fmt.Fprintln(stderr, err)
	}
	return 1
}
