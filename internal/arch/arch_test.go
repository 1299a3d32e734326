package arch

import (
	"slices"
	"strings"
	"testing"
)

// Sets of packages that rows share.
var (
	domain   = []string{"inspection", "inspection/attest", "inspection/report", "checklist", "checklist/excel", "media"}
	adapters = []string{"internal/store/sqlite", "internal/store/mongo", "media/fs", "media/minio", "media/heif"}
	// testKit is open to every test: the suites of the ports, and the adapters that are quick enough to stand in for nothing.
	testKit = []string{"internal/store/storetest", "internal/store/sqlite", "media/blobtest", "media/fs"}
)

// row says what a package may import from this module. tests is what its _test files may import besides that,
// the package itself and the testKit.
type row struct {
	may   []string
	tests []string
}

// anything is the row of the one place where all is wired.
var anything = []string{"*"}

// table is who may import whom. Imports point inwards:
// cmd → httpapi → sync → inspection → checklist, media, directory → store (port) → fault.
var table = map[string]row{
	"internal/fault":      {},
	"internal/config":     {},
	"internal/telemetry":  {},
	"internal/scaledjpeg": {},
	"internal/arch":       {},
	"web":                 {},

	"internal/store":           {may: list("internal/fault")},
	"internal/store/storetest": {may: list("internal/store", "internal/fault")},
	"internal/store/sqlite":    {may: list("internal/store", "internal/fault")},
	"internal/store/mongo":     {may: list("internal/store", "internal/fault")},

	"internal/bundle": {may: list("inspection/attest", "media", "internal/audit", "internal/store", "internal/fault")},
	"internal/backup": {may: list("internal/store", "media", "internal/fault")},

	"checklist":          {may: list("internal/store", "internal/fault")},
	"checklist/excel":    {may: list("checklist", "internal/fault")},
	"media":              {may: list("internal/store", "internal/scaledjpeg", "internal/fault")},
	"internal/directory": {may: list("internal/store", "internal/fault")},
	"internal/audit":     {may: list("internal/store", "internal/fault")},
	"media/blobtest":     {may: list("media", "internal/fault")},
	"media/fs":           {may: list("media", "internal/fault")},
	"media/minio":        {may: list("media", "internal/fault")},
	"media/heif":         {tests: list("media")},
	"internal/auth":      {may: list("internal/directory", "internal/store", "internal/fault")},
	"inspection/attest":  {may: list("media", "internal/directory", "internal/fault")},
	"inspection":         {may: list("inspection/attest", "checklist", "media", "internal/directory", "internal/audit", "internal/store", "internal/fault")},
	"inspection/report":  {may: list("inspection", "inspection/attest", "checklist", "media", "internal/directory", "internal/audit", "internal/store", "internal/fault")},
	"sync": {
		may:   list(domain, "internal/directory", "internal/auth", "internal/audit", "internal/store", "internal/fault"),
		tests: list("sync/client"),
	},
	"sync/client": {
		// It signs what the record's own functions say is to be signed: docs/adr/0045.
		may:   list("sync", "inspection", "inspection/attest", "internal/directory", "internal/store", "internal/fault"),
		tests: list(domain, "internal/directory", "internal/auth", "internal/audit", "internal/store"),
	},

	"sync/conformance": {}, // shares no code with what it tries
	"sync/simtest":     {tests: list(domain, "sync", "sync/client", "internal/directory", "internal/auth", "internal/store", "internal/fault")},

	"internal/httpapi": {
		may: list(domain, "sync", "internal/bundle", "internal/directory", "internal/auth", "internal/audit", "internal/store", "internal/fault",
			"internal/config", "internal/telemetry", "web"),
		tests: list("sync/client"),
	},
	"internal/fleet": {may: list("internal/auth", "internal/directory", "internal/store", "internal/fault")},
	"internal/e2e": {
		may: list("sync/client", "sync", "internal/fault", "internal/directory"),
		// Its oracle reads what several nodes have stored.
		tests: list("internal/auth", "internal/fleet", "internal/audit", "internal/store", "internal/store/mongo"),
	},
	"cmd/paicha":  {may: anything},
	"tools/bench": {may: anything}, // it measures our parts against the raw ones
}

// list joins package names and sets of them into one row.
func list(parts ...any) []string {
	var out []string
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, p)
		case []string:
			out = append(out, p...)
		}
	}
	return out
}

func TestImportsFollowTheTable(t *testing.T) {
	_, files := sources(t)
	for _, s := range files {
		r, known := table[s.pkg]
		if !known {
			t.Errorf("%s: package %s has no row in the import table of internal/arch", s.path, s.pkg)
			continue
		}
		for _, im := range s.imports {
			if target, ours := strings.CutPrefix(im, module+"/"); ours && !allowed(r, s, target) {
				t.Errorf("%s: %s may not import %s", s.path, s.pkg, target)
			}
		}
	}
}

// allowed reports whether file s, of a package with row r, may import target.
func allowed(r row, s source, target string) bool {
	if slices.Contains(r.may, target) || slices.Equal(r.may, anything) {
		return true
	}
	return s.test && (target == s.pkg || slices.Contains(r.tests, target) || slices.Contains(testKit, target))
}

func TestTableNamesOnlyKnownPackages(t *testing.T) {
	for pkg, r := range table {
		for _, target := range slices.Concat(r.may, r.tests) {
			if _, known := table[target]; !known && target != "*" {
				t.Errorf("row %s allows %s, which has no row", pkg, target)
			}
		}
	}
	for _, pkg := range slices.Concat(domain, adapters, testKit) {
		if _, known := table[pkg]; !known {
			t.Errorf("set names %s, which has no row", pkg)
		}
	}
}

func TestOnlyTheBinaryNamesAdapters(t *testing.T) {
	for pkg, r := range table {
		for _, target := range r.may {
			if slices.Contains(adapters, target) {
				t.Errorf("row %s allows the adapter %s: only cmd/paicha names adapters", pkg, target)
			}
		}
	}
}

func TestTableHasNoCycle(t *testing.T) {
	state := map[string]int{} // 1: on the path, 2: done
	var visit func(pkg string, path []string)
	visit = func(pkg string, path []string) {
		switch state[pkg] {
		case 1:
			t.Errorf("the table allows a cycle: %s", strings.Join(append(path, pkg), " → "))
			return
		case 2:
			return
		}
		state[pkg] = 1
		for _, target := range table[pkg].may {
			visit(target, append(path, pkg))
		}
		state[pkg] = 2
	}
	for pkg := range table {
		visit(pkg, nil)
	}
}

// homes says which packages may name a library that the others must not depend on. Tests are free.
var homes = map[string][]string{
	"github.com/gofiber":           {"internal/httpapi", "cmd/paicha"},
	"github.com/valyala/fasthttp":  {"internal/httpapi"},
	"github.com/danielgtaylor":     {"internal/httpapi"},
	"go.mongodb.org/mongo-driver":  {"internal/store/mongo"},
	"github.com/ncruces/go-sqlite": {"internal/store/sqlite"},
	"modernc.org/sqlite":           {"internal/store/sqlite"},
	"database/sql":                 {"internal/store/sqlite"},
	"github.com/minio/minio-go":    {"media/minio"},
	"github.com/prometheus":        {"internal/telemetry", "internal/httpapi"},
	"cel.dev/cel-go":               {"checklist"},
	"github.com/xuri/excelize":     {"checklist/excel"},
	"github.com/golang-jwt":        {"internal/auth"},
	"golang.org/x/mod":             {"internal/audit"},
	"github.com/alexedwards":       {"internal/auth", "internal/directory", "internal/fleet", "cmd/paicha"},
	"net/http":                     {"internal/httpapi", "sync/client", "sync/conformance", "internal/e2e", "media/minio", "cmd/paicha", "web"},
	"math/rand":                    {"internal/store/storetest", "internal/e2e", "sync/client", "cmd/paicha"},
}

func TestLibrariesStayInTheirHomes(t *testing.T) {
	_, files := sources(t)
	for _, s := range files {
		if s.test || s.pkg == "tools/bench" {
			continue
		}
		for _, im := range s.imports {
			for lib, pkgs := range homes {
				if strings.HasPrefix(im, lib) && !slices.Contains(pkgs, s.pkg) {
					t.Errorf("%s: %s is named only in %s", s.path, im, strings.Join(pkgs, ", "))
				}
			}
		}
	}
}
