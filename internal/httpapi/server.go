package httpapi

import (
	"context"
	"log/slog"
	"time"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/inspection/attest"
	"paicha/internal/audit"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/internal/telemetry"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/gofiber/fiber/v2"
)

// Syncer is the server's side of the sync protocol.
type Syncer interface {
	Hello(context.Context, fieldsync.Session, fieldsync.HelloRequest) (fieldsync.HelloResponse, error)
	// Pull returns the encoded PullResponse.
	Pull(context.Context, fieldsync.Session, fieldsync.PullRequest) ([]byte, error)
	// Likeness returns the body that a pull's answer may be compressed against, nil for none.
	Likeness(context.Context, fieldsync.Session, fieldsync.Like) ([]byte, error)
	Push(context.Context, fieldsync.Session, fieldsync.PushRequest) (fieldsync.PushResponse, error)
	Check(context.Context, fieldsync.Session, fieldsync.CheckRequest) (fieldsync.CheckResponse, error)
	// Subscribe returns a channel that receives when there may be something to pull; cancel ends it.
	Subscribe(fieldsync.Session) (hints <-chan struct{}, cancel func())
	// Attestation returns what was signed of an inspection, or a fault of kind NotFound if nothing was or the person may
	// not see it.
	Attestation(ctx context.Context, s fieldsync.Session, inspectionID string) (attest.File, error)
}

// Evidence decides about photos through the documents that name them.
type Evidence interface {
	// Attach enters a photo that is complete and durable in its inspection's evidence. Again is harmless.
	Attach(context.Context, fieldsync.Session, media.Received) error
	// MayOpen returns what was received, or a fault of kind NotFound if the person may not see that photo in that
	// inspection, whether or not it exists.
	MayOpen(ctx context.Context, s fieldsync.Session, inspectionID string, hash media.SHA256) (media.Arrived, error)
	// Showed notes that photos of an evidence document, which the person may see, are handed out together.
	Showed(s fieldsync.Session, evidence store.Doc, photos ...media.SHA256)
}

// Limits bound what one client can ask for. All are required.
type Limits struct {
	Body     int // bytes of a JSON body that is not a push, inflated
	Sync     fieldsync.Limits
	Streams  int           // open event streams in all
	Requests int           // requests that are worked on at the same time, streams and uploads excepted
	Device   int           // requests that one device has under way at the same time, bodies and answers on a slow line included
	Listens  int           // open event streams of one device: a few, since a line that died is noticed late
	Timeout  time.Duration // for the work of one request
	Idle     time.Duration // for a client that says nothing, in the middle of a body too
}

// DefaultLimits suit one server of a prefecture.
func DefaultLimits() Limits {
	return Limits{
		Body: 64 << 10, Sync: fieldsync.DefaultLimits, Streams: 5000, Requests: 2048, Device: 64, Listens: 8,
		Timeout: 30 * time.Second, Idle: 30 * time.Second,
	}
}

// Deps are what the edge needs from outside. All are required but Evidence's and Packs' absence makes their routes
// answer ErrNotReady.
type Deps struct {
	Store    *store.Store
	Accounts Accounts
	Sync     Syncer
	Evidence Evidence
	Packs    *checklist.Shelf
	// Workbooks reads and writes Excel files; without it only YAML is taken.
	Workbooks Workbooks
	// Published is called after a version was published: what waited for it can be judged. It must not block.
	Published func()
	Uploads   *media.Receiver
	Photos    media.Viewer
	// Audit reads the log, and AuditKey signs the manifests of bundles; without them there is neither.
	Audit    *audit.Log
	AuditKey *audit.Key
	// Ready is asked by /readyz, within a second; nil is ready. It looks at what the store is not: blobs and disk.
	Ready   func(context.Context) error
	Metrics *telemetry.Metrics
	Log     *slog.Logger
	Now     func() time.Time
	NewID   func() string // request ids
	Limits  Limits
	// ProxyHeader is the header in which a trusted proxy tells the client's address, and Proxies whom to believe
	// (addresses or prefixes); both empty: the connection's own address counts.
	ProxyHeader string
	Proxies     []string
}

// api is Deps with what running needs.
type api struct {
	Deps
	logins  *rate
	signers *rate
	slots   chan struct{}
	streams chan struct{}
	exports chan struct{}

	underway, listening *crowd // of each device
}

// route is one entry of the table: what the policy calls "METHOD path".
type route struct {
	method, path string
	handler      fiber.Handler
	signed       bool // may come with a device's signature instead of a token
	open         bool // long or streaming: takes no slot and has no time limit of its own
	stream       bool // goes on after its handler
}

// action is the route's name in the policy table.
func (r route) action() auth.Action { return auth.Route(r.method, r.path) }

// routes is the one list of what this server answers.
func (a *api) routes() []route {
	get, post, patch := fiber.MethodGet, fiber.MethodPost, fiber.MethodPatch
	return []route{
		{method: get, path: "/", handler: a.landing},
		{method: get, path: "/healthz", handler: a.healthz},
		{method: get, path: "/readyz", handler: a.readyz},
		{method: get, path: "/metrics", handler: a.metrics()},
		{method: get, path: "/api/v1/openapi.yaml", handler: a.openapi},

		{method: post, path: "/api/v1/auth/login", handler: a.login},
		{method: post, path: "/api/v1/auth/refresh", handler: a.refresh},
		{method: post, path: "/api/v1/auth/hand-in", handler: a.handIn},
		{method: post, path: "/api/v1/auth/logout", handler: a.logout},
		{method: get, path: "/api/v1/me", handler: a.me},

		{method: post, path: "/api/v1/sync/hello", handler: a.hello},
		{method: post, path: "/api/v1/sync/pull", handler: a.pull},
		{method: post, path: "/api/v1/sync/check", handler: a.check},
		{method: post, path: "/api/v1/sync/push", handler: a.push, signed: true},
		{method: get, path: "/api/v1/sync/events", handler: a.events, open: true, stream: true},

		{method: fiber.MethodOptions, path: "/api/v1/uploads", handler: a.uploadOptions},
		{method: post, path: "/api/v1/uploads", handler: a.uploadCreate, open: true},
		{method: fiber.MethodHead, path: "/api/v1/uploads/:id", handler: a.uploadInfo},
		{method: patch, path: "/api/v1/uploads/:id", handler: a.uploadAppend, open: true},
		{method: fiber.MethodDelete, path: "/api/v1/uploads/:id", handler: a.uploadTerminate},

		{method: get, path: "/api/v1/inspections", handler: a.inspections},
		{method: get, path: "/api/v1/inspections/:id", handler: a.inspection},
		{method: get, path: "/api/v1/inspections/:id/attestation", handler: a.attestation},
		{method: get, path: "/api/v1/inspections/:id/photos/:sha256", handler: a.photo},
		{method: get, path: "/api/v1/inspections/:id/photos/:sha256/:size", handler: a.picture},
		{method: get, path: "/api/v1/hazards", handler: a.hazards},
		{method: get, path: "/api/v1/hazards/:id", handler: a.hazard},
		{method: get, path: "/api/v1/hazards/:id/pairs", handler: a.pairs},
		{method: get, path: "/api/v1/hazards/:id/bundle", handler: a.hazardBundle, open: true},
		{method: get, path: "/api/v1/inspections/:id/bundle", handler: a.inspectionBundle, open: true},
		{method: post, path: "/api/v1/photos/links", handler: a.links},
		{method: get, path: "/api/v1/photos/:link", handler: a.linked},
		{method: get, path: "/api/v1/evidence", handler: a.wall},
		{method: get, path: "/api/v1/evidence/counts", handler: a.evidenceCounts},
		{method: get, path: "/api/v1/scrubs", handler: a.scrubs},
		{method: get, path: "/api/v1/audit/head", handler: a.auditHead},
		{method: get, path: "/api/v1/audit/proof", handler: a.auditProof},
		{method: get, path: "/api/v1/audit/consistency", handler: a.auditConsistency},
		{method: get, path: "/api/v1/enterprises", handler: a.enterprises},
		{method: get, path: "/api/v1/enterprises/:id", handler: a.enterprise},
		{method: get, path: "/api/v1/quarantine", handler: a.quarantine},
		{method: get, path: "/api/v1/quarantine/:id", handler: a.quarantined},
		{method: get, path: "/api/v1/devices", handler: a.devices},
		{method: post, path: "/api/v1/devices/:id/revoke", handler: a.revokeDevice},
		{method: post, path: "/api/v1/devices/:id/wipe", handler: a.wipeDevice},
		{method: post, path: "/api/v1/devices/:id/stolen", handler: a.stolenDevice},
		{method: get, path: "/api/v1/packs", handler: a.packs},
		{method: post, path: "/api/v1/packs/drafts", handler: a.upload},
		{method: get, path: "/api/v1/packs/drafts", handler: a.drafts},
		{method: get, path: "/api/v1/packs/drafts/:hash", handler: a.draft},
		{method: fiber.MethodDelete, path: "/api/v1/packs/drafts/:hash", handler: a.dropDraft},
		{method: post, path: "/api/v1/packs/drafts/:hash/publish", handler: a.publish},
		{method: get, path: "/api/v1/packs/:ref", handler: a.pack},
		{method: post, path: "/api/v1/packs/:ref/end", handler: a.endPack},
		{method: get, path: "/api/v1/packs/:ref/workbook", handler: a.workbook},
		{method: get, path: "/api/v1/packs/:ref/rejudgement", handler: a.rejudgement},
		{method: get, path: "/api/v1/standards", handler: a.standards},
		{method: get, path: "/api/v1/standards/:id", handler: a.standard},
		{method: fiber.MethodPut, path: "/api/v1/standards/:id", handler: a.putStandard},
		{method: post, path: "/api/v1/standards/:id/end", handler: a.endStandard},
		{method: get, path: "/api/v1/regions", handler: a.regions},
		{method: get, path: "/api/v1/sectors", handler: a.sectors},
	}
}

// Indexes are those that the reading routes ask of the store, beside those of the packages that own the kinds.
var Indexes = []store.Index{
	{Kind: inspection.Kind, Fields: []string{"startedAt", "region", "status", "mode", "enterprise"}},
	{Kind: inspection.KindHazard, Fields: []string{"occurredAt", "region", "status", "class", "source", "enterprise", "deadline"}},
	{Kind: directory.KindEnterprise, Fields: []string{"name", "region", "status"}},
}

// readAhead is how much of a body fasthttp reads before any handler sees the request, all of it within ReadTimeout, in
// bytes. boundedBody is the limit. Little, so that a line of one bar gets that far.
const readAhead = 16 << 10

// New builds the application. It has no state of its own but open requests; ShutdownWithContext ends event streams.
func New(d Deps) *fiber.App {
	a := newAPI(d)
	app := fiber.New(fiber.Config{
		AppName:                      "paicha",
		DisableStartupMessage:        true,
		ErrorHandler:                 a.problem,
		Immutable:                    true, // Fiber's strings point into buffers that it uses again
		StrictRouting:                false,
		CaseSensitive:                true,
		StreamRequestBody:            true,
		BodyLimit:                    readAhead,
		ReadBufferSize:               16 << 10, // the most that request headers may have
		Concurrency:                  64 << 10, // connections
		ReadTimeout:                  d.Limits.Idle,
		WriteTimeout:                 2 * d.Limits.Idle,
		IdleTimeout:                  2 * time.Minute,
		DisablePreParseMultipartForm: true,
		DisableDefaultContentType:    true,
		ProxyHeader:                  d.ProxyHeader,
		EnableTrustedProxyCheck:      true, // without proxies nobody is believed
		TrustedProxies:               d.Proxies,
		EnableIPValidation:           true,
		RequestMethods: []string{
			fiber.MethodGet, fiber.MethodHead, fiber.MethodPost, fiber.MethodPut, fiber.MethodPatch,
			fiber.MethodDelete, fiber.MethodOptions,
		},
	})
	app.Use(a.edge)
	for _, r := range a.routes() {
		app.Add(r.method, r.path, a.guard(r))
	}
	return app
}

func newAPI(d Deps) *api {
	return &api{
		Deps: d, logins: newRate(20, time.Minute, d.Now), signers: newRate(60, time.Minute, d.Now),
		slots: make(chan struct{}, max(d.Limits.Requests, 1)), streams: make(chan struct{}, max(d.Limits.Streams, 1)),
		exports:  make(chan struct{}, exportsAtOnce),
		underway: newCrowd(max(d.Limits.Device, 1)), listening: newCrowd(max(d.Limits.Listens, 1)),
	}
}
