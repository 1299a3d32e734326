package conformance

import (
	"context"
	"net/http"
)

// logHeads asks for the head of the log as an inspector, an enterprise and a supervisor.
func logHeads(ctx context.Context, w *world) error {
	for _, t := range []*tablet{w.inspector, w.enterprise} {
		a, err := t.ask(ctx, http.MethodGet, "/api/v1/audit/head", nil)
		if err != nil {
			return err
		}
		if a.status != http.StatusForbidden && a.status != http.StatusNotFound {
			return expect(false, "somebody who supervises nothing gets %v", a)
		}
	}
	a, err := w.supervisor.ask(ctx, http.MethodGet, "/api/v1/audit/head", nil)
	if err != nil {
		return err
	}
	if a.status == http.StatusNotFound {
		return notSeen("the log is empty or not kept")
	}
	return expect(a.status == http.StatusOK && text(a.json, "note") != "", "a supervisor gets %v", a)
}
