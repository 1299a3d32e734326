package checklist

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Problem is one thing wrong with a pack or standard, with its position.
type Problem struct {
	File    string `json:"file,omitempty"` // name of the file, "" when it came from elsewhere
	Path    string `json:"path,omitempty"` // where in the document: sections[2].items[3].code; of a workbook sheet and cell: 检查项目!F12
	Line    int    `json:"line,omitempty"` // from 1; 0 when not known
	Code    string `json:"code"`           // stable, e.g. "code_duplicate"
	Message string `json:"message"`        // Chinese
}

// Problems is everything that is wrong with a pack, as an error: ErrPack with the first of them for its sentence.
type Problems []Problem

func (ps Problems) Error() string { return ps.Unwrap().Error() }

// Unwrap is ErrPack, so that an edge that knows no lists tells at least the first.
func (ps Problems) Unwrap() error {
	if len(ps) == 0 {
		return ErrPack
	}
	return ErrPack.Saying("检查清单有 %d 处错误，第一处：%s", len(ps), ps[0])
}

// String is one line for a terminal.
func (p Problem) String() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
	}
	if p.Path != "" {
		s += " " + p.Path
	}
	return strings.TrimSpace(s + ": " + p.Message + "（" + p.Code + "）")
}

// problems collects findings of one document; root, when known, gives lines.
type problems struct {
	list []Problem
	file string
	root *yaml.Node
}

// maxProblems bounds what is told about one document; whoever has so many does not miss the rest.
const maxProblems = 1000

// add notes a problem at a path of keys (string) and positions (int).
func (ps *problems) add(code, message string, path ...any) {
	if len(ps.list) >= maxProblems {
		return
	}
	line := 0
	if ps.root != nil {
		line = lineAt(ps.root, path)
	}
	ps.list = append(ps.list, Problem{File: ps.file, Path: pathText(path), Line: line, Code: code, Message: message})
}

// id checks the form and uniqueness of an identifier.
func (ps *problems) id(id string, seen map[string]bool, what string, path ...any) {
	switch {
	case !validID(id):
		ps.add("code_invalid", fmt.Sprintf("%s“%s”格式不对，只能用半角小写字母、数字、- 和 .", what, clip(id)), path...)
	case seen[id]:
		ps.add("code_duplicate", fmt.Sprintf("%s“%s”重复", what, id), path...)
	}
	seen[id] = true
}

// located copies problems of a compiled pack to this document's file and lines.
func (ps *problems) located(list []Problem) {
	for _, p := range list[:min(len(list), maxProblems)] {
		p.File = ps.file
		if ps.root != nil {
			p.Line = lineAt(ps.root, pathOf(p.Path))
		}
		ps.list = append(ps.list, p)
	}
}

func pathText(path []any) string {
	var b strings.Builder
	for _, e := range path {
		switch e := e.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", e)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(e)
		}
	}
	return b.String()
}

// pathOf reads what pathText writes.
func pathOf(s string) []any {
	var path []any
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if n, err := strconv.Atoi(part); err == nil {
			path = append(path, n)
		} else {
			path = append(path, part)
		}
	}
	return path
}

// lineAt follows a path as far as the document has it and gives the line of the last node found.
func lineAt(n *yaml.Node, path []any) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n.Line
}

func child(n *yaml.Node, step any) *yaml.Node {
	switch step := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && step < len(n.Content) {
			return n.Content[step]
		}
	case string:
		if n.Kind != yaml.MappingNode {
			return nil
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	}
	return nil
}
