package telemetry

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// MutationStatuses are the values of the status label of paicha_mutations_total; any other status counts as "other".
var MutationStatuses = []string{"applied", "duplicate", "conflict", "rejected", "quarantined", "blocked", "retry"}

// UploadOutcomes are the values of the outcome label of paicha_uploads_total: received and verified, refused for its
// content, expired before its end, given up by the client, failed on our side. Any other outcome counts as "other".
var UploadOutcomes = []string{"received", "refused", "expired", "terminated", "failed"}

// ArchivedKinds are the values of the kind label of paicha_archived_total; any other kind counts as "other".
var ArchivedKinds = []string{"inspection", "hazard", "evidence"}

const other = "other"

// Metrics are the numbers of one server. Its methods are safe for concurrent use and cheap.
type Metrics struct {
	registry *prometheus.Registry

	pushes            prometheus.Counter
	pushSeconds       prometheus.Histogram
	mutations         *prometheus.CounterVec
	pulls             prometheus.Counter
	ruleFailures      prometheus.Counter
	forks, healthLost prometheus.Counter
	changes           prometheus.Counter
	feedLag           prometheus.Gauge
	uploadBytes       prometheus.Counter
	uploads           *prometheus.CounterVec
	deriveQueue       prometheus.Gauge
	scrubbed          *prometheus.GaugeVec
	derive            prometheus.Histogram
	requests          *prometheus.CounterVec
	requestTimes      *prometheus.HistogramVec
	streams           prometheus.Gauge
	archived          *prometheus.CounterVec
	logEntries        prometheus.Gauge
	logBehind         prometheus.Gauge
	logMismatches     prometheus.Counter
}

// NewMetrics makes a registry with every series of Paicha, the Go runtime's and the process's. version labels paicha_build_info.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		pushes:   counter("paicha_pushes_total", "Pushes answered."),
		pushSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "paicha_push_seconds", Help: "Time to answer a push, durable writes included.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 14),
		}),
		mutations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paicha_mutations_total", Help: "Mutations answered, by the status of their result.",
		}, []string{"status"}),
		ruleFailures: counter("paicha_rule_failures_total", "Rules of checklists that erred, so that a person has to judge."),
		pulls:        counter("paicha_pulls_total", "Pulls answered."),
		forks:        counter("paicha_forked_devices_total", "Devices that turned out to be cloned."),
		healthLost:   counter("paicha_device_health_lost_total", "Hellos whose device could not be noted for supervisors."),
		changes:      counter("paicha_changes_sent_total", "Changes sent in pulls."),
		feedLag:      gauge("paicha_feed_lag_seconds", "Age of the oldest write that is not yet below the watermark; 0 if none."),
		uploadBytes:  counter("paicha_upload_bytes_total", "Photo bytes received."),
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paicha_uploads_total", Help: "Uploads ended, by outcome.",
		}, []string{"outcome"}),
		scrubbed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "paicha_scrub_photos", Help: "Photos of the last scrub of this process, by what was found.",
		}, []string{"found"}),
		deriveQueue: gauge("paicha_derive_queue", "Photos waiting for their thumbnails."),
		derive: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "paicha_derive_seconds", Help: "Time to make the thumbnails of a photo.",
			Buckets: prometheus.ExponentialBuckets(0.02, 2, 11),
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paicha_http_requests_total", Help: "HTTP requests, by route pattern and status.",
		}, []string{"route", "status"}),
		requestTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "paicha_http_request_seconds", Help: "Time to answer a HTTP request, by route pattern.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 9),
		}, []string{"route"}),
		streams:       gauge("paicha_event_streams", "Open server-sent event streams."),
		logEntries:    gauge("paicha_log_entries", "Leaves of the audit log, as this node has last seen it."),
		logBehind:     gauge("paicha_log_behind_seconds", "Time since this node last knew that the audit log had every history entry."),
		logMismatches: counter("paicha_log_mismatches_total", "Histories seen that are not what was logged of them."),
		archived: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paicha_archived_total", Help: "Closed documents moved from the tablets' working set to history, by kind.",
		}, []string{"kind"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "paicha_build_info", Help: "1, labelled with the version that runs.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.forks, m.healthLost, m.pushes, m.ruleFailures, m.pushSeconds, m.mutations, m.pulls, m.changes, m.feedLag, m.uploadBytes, m.uploads,
		m.deriveQueue, m.scrubbed, m.derive, m.requests, m.requestTimes, m.streams, m.archived, m.logEntries, m.logBehind, m.logMismatches, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, s := range slices.Concat(MutationStatuses, []string{other}) {
		m.mutations.WithLabelValues(s) // a series that starts at 0 can be alarmed on; one that appears cannot
	}
	for _, o := range slices.Concat(UploadOutcomes, []string{other}) {
		m.uploads.WithLabelValues(o)
	}
	for _, k := range ArchivedKinds {
		m.archived.WithLabelValues(k)
	}
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// Gatherer gives what /metrics shows.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Pushed counts one push and how long its answer took.
func (m *Metrics) Pushed(took time.Duration) {
	m.pushes.Inc()
	m.pushSeconds.Observe(took.Seconds())
}

// Mutation counts one result of a push by its status, one of MutationStatuses.
func (m *Metrics) Mutation(status string) {
	m.mutations.WithLabelValues(known(MutationStatuses, status)).Inc()
}

// RuleFailed counts a rule that erred.
func (m *Metrics) RuleFailed() { m.ruleFailures.Inc() }

// Forked counts a device that turned out to be cloned.
func (m *Metrics) Forked() { m.forks.Inc() }

// HealthLost counts a hello whose device could not be noted.
func (m *Metrics) HealthLost() { m.healthLost.Inc() }

// Pulled counts one pull and the changes it carried.
func (m *Metrics) Pulled(changes int) {
	m.pulls.Inc()
	m.changes.Add(float64(max(changes, 0)))
}

// FeedLag sets the age of the oldest write that readers may not see yet.
func (m *Metrics) FeedLag(age time.Duration) { m.feedLag.Set(max(age, 0).Seconds()) }

// UploadBytes adds photo bytes that were received.
func (m *Metrics) UploadBytes(n int64) { m.uploadBytes.Add(float64(max(n, 0))) }

// Upload counts one upload that ended, by outcome, one of UploadOutcomes.
func (m *Metrics) Upload(outcome string) {
	m.uploads.WithLabelValues(known(UploadOutcomes, outcome)).Inc()
}

// Scrubbed records what a scrub of photos found: good ones, those that are damaged or lost, and those put back.
func (m *Metrics) Scrubbed(good, bad, repaired int) {
	m.scrubbed.WithLabelValues("good").Set(float64(good))
	m.scrubbed.WithLabelValues("bad").Set(float64(bad))
	m.scrubbed.WithLabelValues("repaired").Set(float64(repaired))
}

// DeriveQueue sets how many photos wait for their thumbnails.
func (m *Metrics) DeriveQueue(photos int) { m.deriveQueue.Set(float64(photos)) }

// Derived observes the time that one photo's thumbnails took.
func (m *Metrics) Derived(took time.Duration) { m.derive.Observe(took.Seconds()) }

// Request counts one HTTP request. route is the pattern that matched ("/api/v1/media/:sha256"), never the path asked
// for; "" counts as "unmatched". A status outside 100 to 599 counts as "other".
func (m *Metrics) Request(route string, status int, took time.Duration) {
	if route == "" {
		route = "unmatched"
	}
	code := other
	if status >= 100 && status <= 599 {
		code = strconv.Itoa(status)
	}
	m.requests.WithLabelValues(route, code).Inc()
	m.requestTimes.WithLabelValues(route).Observe(took.Seconds())
}

// StreamOpened counts an event stream; the function that it returns must be called once when the stream ends.
func (m *Metrics) StreamOpened() (closed func()) {
	m.streams.Inc()
	return m.streams.Dec
}

// Archived counts documents of one of ArchivedKinds that were moved to history.
func (m *Metrics) Archived(kind string, n int) {
	m.archived.WithLabelValues(known(ArchivedKinds, kind)).Add(float64(max(n, 0)))
}

// AuditLog sets how many leaves the audit log has and how long ago this node knew it to be complete.
func (m *Metrics) AuditLog(entries int64, behind time.Duration) {
	m.logEntries.Set(float64(entries))
	m.logBehind.Set(max(behind, 0).Seconds())
}

// LogMismatch counts a history that is not what was logged of it.
func (m *Metrics) LogMismatch() { m.logMismatches.Inc() }

// StoreCounts are a store's own counters, read at each scrape. They only rise; a nil one is left out.
type StoreCounts struct {
	Commits func() uint64 // groups made durable
	Writes  func() uint64 // documents written
}

// WatchStore adds a store's counters. It returns an error when a store is watched already.
func (m *Metrics) WatchStore(c StoreCounts) error {
	for _, s := range []struct {
		name, help string
		read       func() uint64
	}{
		{"paicha_store_commits_total", "Groups of writes made durable.", c.Commits},
		{"paicha_store_writes_total", "Documents written.", c.Writes},
	} {
		if s.read == nil {
			continue
		}
		f := prometheus.NewCounterFunc(prometheus.CounterOpts{Name: s.name, Help: s.help},
			func() float64 { return float64(s.read()) })
		if err := m.registry.Register(f); err != nil {
			return err
		}
	}
	return nil
}

// known returns value if it is one of the set, else "other".
func known(set []string, value string) string {
	if slices.Contains(set, value) {
		return value
	}
	return other
}
