package arch

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The documents that tablets pull, by kind, with the Go type of their body. Arguments of commands are found by their
// docstrings, which begin with the command's name in quotes.
var documents = []struct{ kind, pkg, name string }{
	{"inspection", "inspection", "Inspection"},
	{"hazard", "inspection", "Hazard"},
	{"evidence", "media", "Evidence"},
	{"pack", "checklist", "Pack"},
	{"publication", "checklist", "publication"},
	{"quarantine", "sync", "Quarantine"},
	{"device-health", "sync", "Health"},
}

// shape is a declared type with what a reader of JSON needs of it.
type shape struct {
	pkg, name, doc string
	spec           *ast.TypeSpec
	imports        map[string]string // local name to folder of this module
	values         []string          // of an enumeration: "value — comment"
}

// shapes reads every named type of the packages with its comments.
func shapes(t *testing.T, pkgs ...string) map[string]*shape {
	t.Helper()
	out := map[string]*shape{}
	fset := token.NewFileSet()
	for _, pkg := range pkgs {
		files, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			collect(out, pkg, f)
		}
	}
	return out
}

func collect(out map[string]*shape, pkg string, f *ast.File) {
	imports := map[string]string{}
	for _, im := range f.Imports {
		if p, err := strconv.Unquote(im.Path.Value); err == nil {
			if folder, ours := strings.CutPrefix(p, module+"/"); ours {
				imports[path.Base(folder)] = folder
			}
		}
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				doc := s.Doc
				if doc == nil {
					doc = g.Doc
				}
				sh := at(out, pkg, s.Name.Name)
				sh.spec, sh.doc, sh.imports = s, strings.TrimSpace(doc.Text()), imports
			case *ast.ValueSpec:
				id, ok := s.Type.(*ast.Ident)
				if !ok || g.Tok != token.CONST || len(s.Values) != 1 {
					continue
				}
				if v, ok := literal(s.Values[0]); ok {
					line := "`" + v + "`"
					if c := strings.TrimSpace(s.Comment.Text()); c != "" {
						line += " " + c
					}
					sh := at(out, pkg, id.Name)
					sh.values = append(sh.values, line)
				}
			}
		}
	}
}

func at(out map[string]*shape, pkg, name string) *shape {
	key := pkg + "." + name
	if out[key] == nil {
		out[key] = &shape{pkg: pkg, name: name}
	}
	return out[key]
}

// writer prints shapes, each once, those that they are made of behind them.
type writer struct {
	all   map[string]*shape
	out   bytes.Buffer
	queue []*shape
	seen  map[*shape]bool
}

// want has a type printed and returns how it is named in a table.
func (w *writer) want(pkg, name string) string {
	s := w.all[pkg+"."+name]
	if s == nil || s.spec == nil {
		return name
	}
	_, isStruct := s.spec.Type.(*ast.StructType)
	if !isStruct && len(s.values) == 0 {
		if id, ok := s.spec.Type.(*ast.Ident); ok {
			return base(id.Name)
		}
		return w.typeOf(s, s.spec.Type)
	}
	if !w.seen[s] {
		w.seen[s] = true
		w.queue = append(w.queue, s)
	}
	title := w.title(s)
	return "[" + title + "](#" + strings.ReplaceAll(strings.ToLower(title), " ", "-") + ")"
}

// title names a type, with its package where two have the name.
func (w *writer) title(s *shape) string {
	for _, other := range w.all {
		if other != s && other.name == s.name && other.spec != nil {
			return path.Base(s.pkg) + " " + s.name
		}
	}
	return s.name
}

// base is a Go type as JSON has it.
func base(name string) string {
	switch name {
	case "string", "Hash", "ID":
		return "text"
	case "bool":
		return "true or false"
	case "int", "int64", "uint64", "uint32", "Rev":
		return "whole number"
	case "float64":
		return "number"
	case "any", "RawMessage", "Value":
		return "any JSON"
	}
	return name
}

func (w *writer) typeOf(s *shape, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		if w.all[s.pkg+"."+e.Name] != nil {
			return w.want(s.pkg, e.Name)
		}
		return base(e.Name)
	case *ast.StarExpr:
		return w.typeOf(s, e.X)
	case *ast.ArrayType:
		if e.Len != nil {
			return "text"
		}
		return "array of " + w.typeOf(s, e.Elt)
	case *ast.MapType:
		return "object of " + w.typeOf(s, e.Value)
	case *ast.SelectorExpr:
		x, _ := e.X.(*ast.Ident)
		if x == nil {
			return e.Sel.Name
		}
		if x.Name == "time" {
			return "time"
		}
		if folder := s.imports[x.Name]; folder != "" && w.all[folder+"."+e.Sel.Name] != nil {
			return w.want(folder, e.Sel.Name)
		}
		return base(e.Sel.Name)
	}
	return "any JSON"
}

// members prints the members of a structure, those of embedded ones in their place.
func (w *writer) members(s *shape, st *ast.StructType) {
	for _, f := range st.Fields.List {
		tag := ""
		if f.Tag != nil {
			if text, err := strconv.Unquote(f.Tag.Value); err == nil {
				tag = reflect.StructTag(text).Get("json")
			}
		}
		name, options, _ := strings.Cut(tag, ",")
		if len(f.Names) == 0 && name == "" {
			if id, ok := f.Type.(*ast.Ident); ok {
				if in := w.all[s.pkg+"."+id.Name]; in != nil {
					if inner, ok := in.spec.Type.(*ast.StructType); ok {
						w.members(in, inner)
					}
				}
			}
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		need := "yes"
		if strings.Contains(options, "omit") {
			need = ""
		}
		comment := strings.TrimSpace(f.Comment.Text())
		if comment == "" {
			comment = strings.TrimSpace(f.Doc.Text())
		}
		comment = strings.NewReplacer("\n", " ", "|", "/").Replace(comment)
		fmt.Fprintf(&w.out, "| `%s` | %s | %s | %s |\n", name, w.typeOf(s, f.Type), need, comment)
	}
}

// print writes one type.
func (w *writer) print(s *shape, title string) {
	fmt.Fprintf(&w.out, "\n### %s\n\n", title)
	if s.doc != "" {
		fmt.Fprintf(&w.out, "%s\n\n", strings.NewReplacer("\n", " ", "|", "/").Replace(s.doc))
	}
	if st, ok := s.spec.Type.(*ast.StructType); ok {
		w.out.WriteString("| member | type | always there | meaning |\n| --- | --- | --- | --- |\n")
		w.members(s, st)
		return
	}
	for _, v := range s.values {
		fmt.Fprintf(&w.out, "- %s\n", v)
	}
}

var commandName = regexp.MustCompile(`"([a-z]+\.[a-z]+)"`)

// registered are the commands that may be pushed: the keys of the table in sync/registry.go.
func registered(t *testing.T) map[string]bool {
	b, err := os.ReadFile(filepath.Join(root, "sync", "registry.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t"([a-z]+\.[a-z]+)":`).FindAllSubmatch(b, -1) {
		out[string(m[1])] = true
	}
	if len(out) == 0 {
		t.Fatal("no command found in sync/registry.go")
	}
	return out
}

// TestShapesDoc holds docs/documents.md to the sources: the bodies of documents and the arguments of commands, so that
// a tablet app can be written without reading Go.
func TestShapesDoc(t *testing.T) {
	w := &writer{all: shapes(t, "inspection", "media", "checklist", "sync", "internal/directory"), seen: map[*shape]bool{}}
	w.out.WriteString("# Documents and commands\n\nGenerated from the sources by `make gen`; do not edit.\n\n")
	w.out.WriteString("What [protocol.md](protocol.md) carries: the arguments of each command and the bodies of the documents that tablets pull, as JSON.\n")
	w.out.WriteString("Times are RFC 3339; hashes and ids are text. Members that this list does not have are kept and come back. Docstrings name Go types;\n")
	w.out.WriteString("each is found below under its name.\n\n## Arguments of commands\n")
	type named struct {
		command string
		s       *shape
	}
	var args []named
	pushed := registered(t)
	for _, s := range w.all {
		if s.spec == nil || !strings.HasSuffix(strings.ToLower(s.name), "args") {
			continue
		}
		for _, m := range commandName.FindAllStringSubmatch(s.doc, -1) {
			if pushed[m[1]] {
				args = append(args, named{m[1], s})
				delete(pushed, m[1])
			}
		}
	}
	for name := range pushed {
		t.Errorf("no docstring of a type of arguments names the command %q", name)
	}
	slices.SortFunc(args, func(a, b named) int { return cmp.Compare(a.command, b.command) })
	for _, a := range args {
		w.print(a.s, a.command)
	}
	w.out.WriteString("\n## Documents\n")
	for _, d := range documents {
		s := w.all[d.pkg+"."+d.name]
		if s == nil || s.spec == nil {
			t.Fatalf("no type %s in %s", d.name, d.pkg)
		}
		w.seen[s] = true
		w.print(s, d.kind)
	}
	w.out.WriteString("\n## Parts\n")
	for len(w.queue) > 0 { // printing one may call for others
		s := w.queue[0]
		w.queue = w.queue[1:]
		w.print(s, w.title(s))
	}
	file := filepath.Join(root, "docs", "documents.md")
	if *update {
		if err := os.WriteFile(file, w.out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, w.out.Bytes()) {
		t.Errorf("docs/documents.md is not what the sources declare; run: make gen\n%s", firstDifference(string(got), w.out.String()))
	}
}
