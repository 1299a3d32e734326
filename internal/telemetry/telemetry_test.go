package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"paicha/internal/telemetry"
)

const hidden = "s3cr3t-value"

func logger(t *testing.T, w *bytes.Buffer, format string) *slog.Logger {
	t.Helper()
	l, err := telemetry.NewLogger(w, telemetry.LogOptions{Format: format, Level: slog.LevelInfo})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLogsCarryTheRequestIDAtTheTop(t *testing.T) {
	ctx := telemetry.WithRequestID(context.Background(), "req-1")
	cases := map[string]func(*slog.Logger) *slog.Logger{
		"Plain":         func(l *slog.Logger) *slog.Logger { return l },
		"WithAttrs":     func(l *slog.Logger) *slog.Logger { return l.With("device", "d1") },
		"InGroup":       func(l *slog.Logger) *slog.Logger { return l.WithGroup("push") },
		"GroupAndAttrs": func(l *slog.Logger) *slog.Logger { return l.With("a", 1).WithGroup("push").With("b", 2) },
	}
	for name, derive := range cases {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			derive(logger(t, &b, "json")).InfoContext(ctx, "applied", "n", 3)
			var rec struct {
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal(b.Bytes(), &rec); err != nil {
				t.Fatal(err)
			}
			if rec.RequestID != "req-1" {
				t.Errorf("record %s has no request id at the top", b.String())
			}
		})
	}
}

func TestLogsWithoutRequestSayNone(t *testing.T) {
	var b bytes.Buffer
	logger(t, &b, "text").Info("started", "port", 8080)
	if got := b.String(); strings.Contains(got, "request_id") || !strings.Contains(got, "port=8080") {
		t.Errorf("got %q", got)
	}
	if id := telemetry.RequestID(context.Background()); id != "" {
		t.Errorf("request id of an empty context is %q", id)
	}
}

func TestLevelDropsWhatIsBelow(t *testing.T) {
	var b bytes.Buffer
	logger(t, &b, "json").Debug("noise")
	if b.Len() != 0 {
		t.Errorf("got %q", b.String())
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	_, err := telemetry.NewLogger(&bytes.Buffer{}, telemetry.LogOptions{Format: "xml"})
	if !errors.Is(err, telemetry.ErrFormat) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	type public struct{ Key telemetry.Secret }
	type private struct{ key telemetry.Secret }
	s := telemetry.NewSecret(hidden)
	if s.Reveal() != hidden || (telemetry.Secret{}).Reveal() != "" {
		t.Fatal("a secret does not reveal what it holds")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
		for _, v := range []any{s, &s, public{s}, &public{s}, private{s}, []telemetry.Secret{s}, map[string]telemetry.Secret{"k": s}} {
			if got := fmt.Sprintf(verb, v, v); strings.Contains(got, hidden) {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
	j, err := json.Marshal(public{s})
	if err != nil || bytes.Contains(j, []byte(hidden)) {
		t.Errorf("json gives %s, %v", j, err)
	}
	for _, format := range []string{"json", "text"} {
		var b bytes.Buffer
		l := logger(t, &b, format)
		l.Info("x", "s", s, "p", public{s}, "q", private{s}, "g", slog.GroupValue(slog.Any("s", s)),
			"password", hidden, "refresh_token", hidden, "Authorization", hidden, slog.Group("h", "set-cookie", hidden))
		l.With("client_secret", hidden).Info("y")
		if strings.Contains(b.String(), hidden) {
			t.Errorf("%s log shows the secret: %s", format, b.String())
		}
	}
}

func TestCountsNamedLikeSecretsStay(t *testing.T) {
	var b bytes.Buffer
	logger(t, &b, "text").Info("pruned", "tokens", 7)
	if !strings.Contains(b.String(), "tokens=7") {
		t.Errorf("got %q", b.String())
	}
}

// values flattens what /metrics would show into "name{label=value}" → value; histograms give their count.
func values(t *testing.T, m *telemetry.Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			var labels []string
			for _, l := range s.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := f.GetName()
			if len(labels) > 0 {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			switch {
			case s.GetCounter() != nil:
				out[key] = s.GetCounter().GetValue()
			case s.GetGauge() != nil:
				out[key] = s.GetGauge().GetValue()
			case s.GetHistogram() != nil:
				out[key] = float64(s.GetHistogram().GetSampleCount())
			}
		}
	}
	return out
}

func TestMetricsCount(t *testing.T) {
	m := telemetry.NewMetrics("v1")
	m.Pushed(20 * time.Millisecond)
	m.Mutation("applied")
	m.Mutation("applied")
	m.Mutation("made up by a client")
	m.RuleFailed()
	m.Pulled(12)
	m.Pulled(-1)
	m.FeedLag(1500 * time.Millisecond)
	m.UploadBytes(4096)
	m.UploadBytes(-4096)
	m.Upload("received")
	m.Upload("stolen")
	m.DeriveQueue(3)
	m.Scrubbed(90, 2, 1)
	m.Derived(time.Second)
	m.Request("/api/v1/sync/push", 200, time.Millisecond)
	m.Request("", 404, time.Millisecond)
	m.Request("/x", 77777, time.Millisecond)
	m.Archived("hazard", 7)
	m.Archived("hazard", -7)
	closed := m.StreamOpened()
	m.StreamOpened()
	closed()
	commits := uint64(5)
	if err := m.WatchStore(telemetry.StoreCounts{Commits: func() uint64 { return commits }}); err != nil {
		t.Fatal(err)
	}
	if err := m.WatchStore(telemetry.StoreCounts{Commits: func() uint64 { return 1 }}); err == nil {
		t.Error("a second store was watched under the same names")
	}
	commits++
	got := values(t, m)
	for key, want := range map[string]float64{
		"paicha_pushes_total":                                            1,
		"paicha_push_seconds":                                            1,
		"paicha_mutations_total{status=applied}":                         2,
		"paicha_mutations_total{status=other}":                           1,
		"paicha_mutations_total{status=quarantined}":                     0,
		"paicha_rule_failures_total":                                     1,
		"paicha_pulls_total":                                             2,
		"paicha_changes_sent_total":                                      12,
		"paicha_feed_lag_seconds":                                        1.5,
		"paicha_upload_bytes_total":                                      4096,
		"paicha_uploads_total{outcome=received}":                         1,
		"paicha_uploads_total{outcome=other}":                            1,
		"paicha_derive_queue":                                            3,
		"paicha_scrub_photos{found=bad}":                                 2,
		"paicha_derive_seconds":                                          1,
		"paicha_http_requests_total{route=/api/v1/sync/push,status=200}": 1,
		"paicha_http_requests_total{route=unmatched,status=404}":         1,
		"paicha_http_requests_total{route=/x,status=other}":              1,
		"paicha_http_request_seconds{route=/x}":                          1,
		"paicha_archived_total{kind=hazard}":                             7,
		"paicha_archived_total{kind=inspection}":                         0,
		"paicha_event_streams":                                           1,
		"paicha_store_commits_total":                                     6,
		"paicha_build_info{version=v1}":                                  1,
	} {
		v, ok := got[key]
		if !ok || v != want {
			t.Errorf("%s = %v (present: %v), want %v", key, v, ok, want)
		}
	}
	if _, ok := got["paicha_store_syncs_total"]; ok {
		t.Error("a counter that the store does not have is shown")
	}
	if _, ok := got["go_goroutines"]; !ok {
		t.Error("the runtime's numbers are missing")
	}
}

func TestTwoServersDoNotShareNumbers(t *testing.T) {
	a, b := telemetry.NewMetrics("v1"), telemetry.NewMetrics("v1")
	a.Pushed(0)
	if got := values(t, b)["paicha_pushes_total"]; got != 0 {
		t.Errorf("b counts %v pushes of a", got)
	}
}

func TestMetricsAreSafeTogether(t *testing.T) {
	m := telemetry.NewMetrics("v1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				m.Mutation("applied")
				m.StreamOpened()()
			}
		})
	}
	wg.Wait()
	got := values(t, m)
	if got["paicha_mutations_total{status=applied}"] != 1600 || got["paicha_event_streams"] != 0 {
		t.Errorf("got %v applied, %v streams", got["paicha_mutations_total{status=applied}"], got["paicha_event_streams"])
	}
}
