package httpapi

import (
	"strings"
	"testing"

	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
)

// TestScrubReportsAreForAdministrators reads them newest first, in pages.
func TestScrubReportsAreForAdministrators(t *testing.T) {
	s := newSite(t)
	for _, day := range []string{"2023-06-05", "2023-06-07", "2023-06-06"} {
		s.put(store.Doc{Ref: store.Ref{Kind: media.KindScrub, ID: day}, Body: []byte(`{"began":"` + day + `T17:00:00Z"}`)}, nil)
	}
	admin := s.person("admin", directory.User{Roles: []directory.Role{directory.RoleAdmin}})
	r := s.send("GET", "/api/v1/scrubs?limit=2", admin, nil)
	if got := string(r.body); r.status != 200 || strings.Index(got, "06-07") > strings.Index(got, "06-06") || strings.Contains(got, "06-05") || !strings.Contains(got, `"after"`) {
		t.Fatalf("%d %s", r.status, got)
	}
	if r := s.send("GET", "/api/v1/scrubs", s.supervisor("lead", "5325"), nil); r.status != 403 {
		t.Errorf("a supervisor reads them: %d", r.status)
	}
}
