package arch

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// topLevel is what may stand in the root. A new entry is a decision: add it here and to docs/adr.
var topLevel = []string{
	".ci", ".dockerignore", ".git", ".gitattributes", ".gitignore", ".golangci.yml",
	"CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile", "README.md", "README.zh-CN.md",
	"go.mod", "go.sum",
	"checklist", "cmd", "deploy", "docs", "inspection", "internal", "media", "sync", "tools", "web",
}

// local is what a working tree grows and .gitignore keeps out.
var local = []string{".cache", "bin", "data", "node_modules", "*.test", "*.prof", "*.out"}

func TestTopLevelKeepsKnownEntries(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		isLocal := slices.ContainsFunc(local, func(pattern string) bool {
			ok, err := path.Match(pattern, e.Name())
			return ok && err == nil
		})
		if !isLocal && !slices.Contains(topLevel, e.Name()) {
			t.Errorf("%s does not belong at the top level: words that only a programmer says live under internal/", e.Name())
		}
	}
}

// homeless are names that say where code was put because nobody asked what it is.
var homeless = []string{"util", "utils", "helper", "helpers", "common", "base", "manager", "models", "types", "misc", "shared"}

func TestNoPackageOrFileIsNamedAfterNothing(t *testing.T) {
	_, files := sources(t)
	for _, s := range files {
		noun := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
		if slices.Contains(homeless, noun) || slices.Contains(homeless, s.file.Name.Name) {
			t.Errorf("%s: name it after the noun inside", s.path)
		}
	}
}
