package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paicha/checklist"
)

// ran is what a command said.
type ran struct {
	code           int
	stdout, stderr string
}

func runs(args ...string) ran {
	var out, err bytes.Buffer
	code := run(context.Background(), args, &out, &err)
	return ran{code, out.String(), err.String()}
}

func TestChecklistExportAndImport(t *testing.T) {
	dir := t.TempDir()
	book, text := filepath.Join(dir, "a.xlsx"), filepath.Join(dir, "a.yaml")
	if r := runs("checklist", "export", "town-gas@2023.1", "-o", book); r.code != 0 {
		t.Fatal(r)
	}
	if r := runs("checklist", "import", "-o", text, book); r.code != 0 || !strings.Contains(r.stderr, "town-gas@2023.1") {
		t.Fatal(r)
	}
	bundle, err := checklist.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	yaml, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	p, list := checklist.ParsePack(text, yaml, bundle.Standards)
	if len(list) > 0 {
		t.Fatal(list)
	}
	for _, want := range bundle.Packs {
		if want.Ref() == p.Ref() && want.Hash() != p.Hash() {
			t.Error("the pack changed")
		}
	}
	t.Run("OfAFileToStdout", func(t *testing.T) {
		if r := runs("checklist", "export", text, "-o", book, "--standards", "../../checklist/standards"); r.code != 0 {
			t.Fatal(r)
		}
		if r := runs("checklist", "import", book, "--dir", "../../checklist"); r.code != 0 || r.stdout != string(yaml) {
			t.Error(r)
		}
	})
	t.Run("OfACompiledPack", func(t *testing.T) {
		raw, err := p.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		compiled := filepath.Join(dir, "a.json")
		if err := os.WriteFile(compiled, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		if r := runs("checklist", "export", compiled, "-o", book); r.code != 0 {
			t.Error(r)
		}
		if r := runs("checklist", "import", book); r.code != 0 || !strings.Contains(r.stderr, string(p.Hash())) {
			t.Error(r)
		}
	})
	t.Run("NothingIsWrittenWithAProblem", func(t *testing.T) {
		bad, out := filepath.Join(dir, "b.xlsx"), filepath.Join(dir, "b.yaml")
		if err := os.WriteFile(bad, []byte("编号,名称"), 0o644); err != nil {
			t.Fatal(err)
		}
		r := runs("checklist", "import", bad, "-o", out)
		if _, err := os.Stat(out); r.code != 1 || !os.IsNotExist(err) || !strings.Contains(r.stdout, "不是 Excel 工作簿") {
			t.Error(r, err)
		}
	})
	for name, args := range map[string][]string{
		"UnknownVersion": {"export", "town-gas@1", "-o", book},
		"NoFile":         {"import", filepath.Join(dir, "none.xlsx")},
		"NoStandards":    {"import", book, "--standards", dir},
	} {
		t.Run(name, func(t *testing.T) {
			if r := runs(append([]string{"checklist"}, args...)...); r.code != 1 || r.stderr == "" {
				t.Error(r)
			}
		})
	}
	for name, args := range map[string][]string{
		"ExportWithoutOutput": {"export", "town-gas@2023.1"}, "TwoFiles": {"import", book, book}, "UnknownFlag": {"import", "--x"}, "Nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			if r := runs(append([]string{"checklist"}, args...)...); r.code != 2 || !strings.Contains(r.stderr, "用法") {
				t.Error(r)
			}
		})
	}
}
