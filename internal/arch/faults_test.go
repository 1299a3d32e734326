package arch

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "rewrite docs/errors.md from the sources")

// statuses is the HTTP status of each fault.Kind as docs/errors.md prints it; internal/httpapi/problem.go applies it.
var statuses = map[string]int{
	"Internal": 500, "Invalid": 400, "Unauthorized": 401, "Forbidden": 403, "NotFound": 404, "Conflict": 409,
	"Gone": 410, "TooLarge": 413, "Unsupported": 415, "TooMany": 429, "Unavailable": 503,
}

const faultPath = module + "/internal/fault"

// declared is one fault.New call.
type declared struct {
	at, pkg, name       string // where; the package's folder and name
	kind, code, message string
}

// faults collects the fault.New calls of the sources and reports those that cannot be read or stand in a wrong place.
func faults(t *testing.T) []declared {
	t.Helper()
	fset, files := sources(t)
	var out []declared
	for _, s := range files {
		if s.test {
			continue
		}
		local := faultName(s)
		if local == "" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			at := fset.Position(call.Pos())
			where := fmt.Sprintf("%s:%d", s.path, at.Line)
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Saying" && len(call.Args) > 0 {
				if text, ok := literal(call.Args[0]); ok && words(text) && !hasHan(text) {
					t.Errorf("%s: Saying(%q) is shown to people and has no Chinese", where, text)
				}
			}
			if !isName(call.Fun, local, "New") {
				return true
			}
			if base := path.Base(s.path); base != "errors.go" && s.pkg != "internal/fault" {
				t.Errorf("%s: faults are declared in errors.go", where)
			}
			if !atPackageLevel(s.file, call) {
				t.Errorf("%s: faults are declared at package level", where)
			}
			d := declared{at: where, pkg: s.pkg, name: s.file.Name.Name}
			if len(call.Args) != 3 {
				t.Errorf("%s: fault.New takes kind, code, message", where)
				return true
			}
			for kind := range statuses {
				if isName(call.Args[0], local, kind) {
					d.kind = kind
				}
			}
			var okCode, okMessage bool
			d.code, okCode = literal(call.Args[1])
			d.message, okMessage = literal(call.Args[2])
			if d.kind == "" || !okCode || !okMessage {
				t.Errorf("%s: kind, code and message must be written out, so that the catalogue can list them", where)
				return true
			}
			out = append(out, d)
			return true
		})
	}
	slices.SortFunc(out, func(a, b declared) int { return cmp.Compare(a.code, b.code) })
	return out
}

// faultName returns the name under which s knows package fault: "." inside the package itself, "" for not at all.
func faultName(s source) string {
	if s.pkg == "internal/fault" {
		return "."
	}
	for _, im := range s.file.Imports {
		if im.Path.Value != strconv.Quote(faultPath) {
			continue
		}
		if im.Name != nil {
			return im.Name.Name
		}
		return "fault"
	}
	return ""
}

// isName reports whether e is pkg.name, or the bare name inside package fault.
func isName(e ast.Expr, pkg, name string) bool {
	if id, ok := e.(*ast.Ident); ok {
		return pkg == "." && id.Name == name
	}
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// literal returns the text of a string literal or of a sum of them.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		l, okL := literal(e.X)
		r, okR := literal(e.Y)
		return l + r, e.Op == token.ADD && okL && okR
	}
	return "", false
}

func atPackageLevel(f *ast.File, call *ast.CallExpr) bool {
	return slices.ContainsFunc(f.Decls, func(d ast.Decl) bool {
		g, ok := d.(*ast.GenDecl)
		return ok && g.Tok == token.VAR && g.Pos() <= call.Pos() && call.End() <= g.End()
	})
}

func hasHan(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }) >= 0
}

var verb = regexp.MustCompile(`%[^a-zA-Z%]*[a-zA-Z]`)

// words reports whether a format says anything besides its arguments.
func words(format string) bool {
	return strings.IndexFunc(verb.ReplaceAllString(format, ""), unicode.IsLetter) >= 0
}

// prefixes are the nouns besides the package's name that its codes may begin with.
var prefixes = map[string][]string{
	"inspection":        {"hazard", "enforcement", "activity", "risk", "task", "tip"},
	"inspection/attest": {"inspection"}, // what is signed is an inspection's
}

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9]*\.[a-z][a-z0-9_]*$`)

func TestFaultCodes(t *testing.T) {
	seen := map[string]string{}
	for _, d := range faults(t) {
		if first, twice := seen[d.code]; twice {
			t.Errorf("%s: code %s is taken by %s", d.at, d.code, first)
		}
		seen[d.code] = d.at
		if !hasHan(d.message) {
			t.Errorf("%s: the message of %s has no Chinese", d.at, d.code)
		}
		if strings.ContainsAny(d.message, "|\n\r") {
			t.Errorf("%s: the message of %s has a bar or a line break", d.at, d.code)
		}
		if d.pkg == "internal/fault" {
			continue // "internal" is the one code without a package: it names no place on purpose
		}
		prefix := d.name
		if prefix == "main" {
			prefix = path.Base(d.pkg)
		}
		noun, _, _ := strings.Cut(d.code, ".")
		if !codeForm.MatchString(d.code) || noun != prefix && !slices.Contains(prefixes[d.pkg], noun) {
			t.Errorf("%s: code %q should be %s. and lower-case words", d.at, d.code, prefix)
		}
	}
	if len(seen) == 0 {
		t.Error("no fault found: the collector is blind")
	}
}

func TestEveryKindHasAStatus(t *testing.T) {
	_, files := sources(t)
	for _, s := range files {
		if s.path != "internal/fault/fault.go" {
			continue
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				values, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for _, name := range values.Names {
					if _, ok := statuses[name.Name]; !ok {
						t.Errorf("kind %s has no status", name.Name)
					}
				}
			}
		}
	}
}

func TestErrorsDocListsEveryFault(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# 错误代码 · Error codes\n\n")
	b.WriteString("Generated from the sources by `make gen`; do not edit.\n\n")
	b.WriteString("Every refusal is an RFC 9457 problem: `code` is for programs and never changes its meaning, `detail` is the sentence\n")
	b.WriteString("for people, sometimes made more exact than the one below. In a push result the same problem stands beside its mutation,\n")
	b.WriteString("and the status has no meaning there.\n\n")
	b.WriteString("| code | kind | status | sentence |\n| --- | --- | --- | --- |\n")
	for _, d := range faults(t) {
		fmt.Fprintf(&b, "| `%s` | %s | %d | %s |\n", d.code, d.kind, statuses[d.kind], d.message)
	}
	name := filepath.Join(root, "docs", "errors.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/errors.md is not what the sources declare; run: make gen\n%s", firstDifference(string(got), b.String()))
	}
}

// firstDifference names the first line in which two texts differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d:\n  has   %s\n  wants %s", i+1, a, b)
		}
	}
	return ""
}
