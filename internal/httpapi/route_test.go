package httpapi

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/internal/auth"
	"paicha/internal/telemetry"

	"gopkg.in/yaml.v3"
)

// table is the list of routes of an application without anything behind it.
func table() []route {
	return newAPI(Deps{Metrics: telemetry.NewMetrics("test"), Now: time.Now, Limits: DefaultLimits()}).routes()
}

func TestEveryRouteHasARowInThePolicy(t *testing.T) {
	for _, r := range table() {
		if !auth.HasRow(r.action()) {
			t.Errorf("%s has no row in internal/auth/policytable.go", r.action())
		}
	}
}

func TestRoutesAreThoseOfTheOpenAPIDocument(t *testing.T) {
	var doc struct {
		OpenAPI string                          `yaml:"openapi"`
		Paths   map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	var described []string
	for path, methods := range doc.Paths {
		for m, node := range methods {
			if m == "parameters" {
				continue
			}
			described = append(described, strings.ToUpper(m)+" "+path)
			var op struct {
				Security  *[]map[string][]string `yaml:"security"`
				Responses map[string]yaml.Node   `yaml:"responses"`
			}
			if err := node.Decode(&op); err != nil || len(op.Responses) == 0 {
				t.Errorf("%s %s: no responses (%v)", m, path, err)
			}
			open := op.Security != nil && len(*op.Security) == 0
			action := auth.Action(strings.ToUpper(m) + " " + regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(path, ":$1"))
			if open != auth.IsPublic(action) {
				t.Errorf("%s: public in the document %v, in the policy %v", action, open, auth.IsPublic(action))
			}
		}
	}
	var served []string
	for _, r := range table() {
		served = append(served, r.method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.path, "{$1}"))
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("described:\n%s\nserved:\n%s", strings.Join(described, "\n"), strings.Join(served, "\n"))
	}
}

func TestEmbeddedDocumentIsThePublishedOne(t *testing.T) {
	published, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(published, openAPI) {
		t.Error("run go generate ./internal/httpapi")
	}
}
