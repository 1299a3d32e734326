package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"paicha/checklist"
	"paicha/internal/audit"
	"paicha/internal/auth"
	"paicha/internal/config"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/httpapi"
	"paicha/internal/store"
	"paicha/internal/telemetry"
	"paicha/media"
	"paicha/media/heif"
	fieldsync "paicha/sync"

	"github.com/alexedwards/argon2id"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// memoryGoal is where the collector begins to work harder. Lower ones cost much: at 96 MiB photos came in at half the
// rate, for 20 MB less at the peak.
const memoryGoal = 192 << 20

// serve runs the server until ctx ends. Adapters are named here and in adapters.go, nowhere else.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := config.Load(args, os.Environ(), stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	log, err := telemetry.NewLogger(stderr, telemetry.LogOptions{Format: c.LogFormat, Level: c.LogLevel})
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	s, err := build(ctx, c, log)
	if err != nil {
		f := fault.Of(err)
		fmt.Fprintf(stderr, "启动失败：%s\n(%v)\n", f.Message, err)
		return 1
	}
	defer s.close()
	if path := os.Getenv(profileVariable); path != "" {
		stop, err := profile(path)
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 2
		}
		defer stop()
	}
	if err := s.run(ctx, stdout); err != nil {
		fmt.Fprintf(stderr, "服务中止：%v\n", err)
		return 1
	}
	return 0
}

// server is everything that runs, and what is to be closed in reverse order.
type server struct {
	config   config.Config
	log      *slog.Logger
	engine   engine
	blobs    media.Blobs
	store    *store.Store
	sync     *fieldsync.Service
	receiver *media.Receiver
	deriver  *media.Deriver
	shelf    *checklist.Shelf
	ledger   *media.Ledger
	keeper   *fieldsync.Keeper
	held     chan string         // subjects whose holds the photo store is to be told of
	archiver *fieldsync.Archiver // nil: nothing is archived
	audit    *audit.Sequencer
	metrics  *telemetry.Metrics
	app      *fiber.App
	fatal    chan error
	// published has room for one: that something was published, not how much.
	published chan struct{}
	closers   []func() error
}

func build(ctx context.Context, c config.Config, log *slog.Logger) (_ *server, err error) {
	s := &server{config: c, log: log, fatal: make(chan error, 1), published: make(chan struct{}, 1), held: make(chan string, 100), metrics: telemetry.NewMetrics(version)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := os.MkdirAll(c.Data, 0o750); err != nil {
		return nil, err
	}
	key, err := secret(c)
	if err != nil {
		return nil, err
	}
	logKey, err := auditKey(c.LogKeyFile, c.Data)
	if err != nil {
		return nil, err
	}
	hub := fieldsync.NewHub()
	if err := s.openStore(ctx, hub); err != nil {
		return nil, err
	}
	files, err := openPhotos(ctx, cmp.Or(c.Blobs, "file://"+filepath.Join(c.Data, "photos")))
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, files.Close)
	s.blobs = files.Blobs
	s.audit = s.sequencer(logKey)
	s.shelf = &checklist.Shelf{Store: s.store, Now: time.Now, Tokens: directory.PackTokens[checklist.Sector]}
	// 19 MiB and two passes a login: the least that OWASP recommends for argon2id, so that logins do not decide the
	// memory of a server that needs little else.
	cost := argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	accounts, err := auth.New(auth.Options{
		Store: s.store, Now: time.Now, NewID: newID, Rand: random, Key: key, Hashing: c.Limits.Logins, Params: &cost,
	})
	if err != nil {
		return nil, err
	}
	cursors, err := fieldsync.NewCursorSeal(key)
	if err != nil {
		return nil, err
	}
	limits := syncLimits(c.Limits, files.Staging)
	s.sync = &fieldsync.Service{
		Store: s.store, Packs: s.shelf, Now: time.Now, Limits: limits, Meter: meter{s.metrics, log},
		Grace: 7 * 24 * time.Hour, LockAfter: 7 * 24 * time.Hour, Hub: hub, Cursors: cursors, Reached: reached(),
	}
	s.sync.Viewed = func(v fieldsync.View) {
		log.Info("sealed evidence viewed", "user", string(v.User), "device", string(v.Device), "subject", v.Subject, "photo", v.SHA256.String())
	}
	if c.ArchiveDays > 0 {
		s.archiver = &fieldsync.Archiver{Service: s.sync, After: time.Duration(c.ArchiveDays) * 24 * time.Hour}
	}
	s.ledger = media.NewLedger(s.store, files.Blobs, time.Now)
	s.ledger.Derived, s.ledger.Claim, s.sync.Photos = files.Derived, s.sync.Claim, s.ledger
	s.sync.Prints = &media.Prints{Docs: s.store, Now: time.Now}
	s.keeper = newKeeper(c, s.store, s.store.Epoch(), s.ledger, files.Locks)
	s.ledger.Keeping, s.sync.Held = s.keeper, s.noteHeld
	edge := httpapi.DefaultLimits()
	edge.Body, edge.Sync, edge.Streams = int(c.Limits.BodyBytes), limits, c.Limits.Streams
	edge.Requests, edge.Idle = c.Limits.Requests, c.Limits.Idle
	busy := load{}
	s.deriver = &media.Deriver{
		Blobs: files.Blobs, Derived: files.Derived, Busy: busy.high, Pause: time.Tick(50 * time.Millisecond),
		Report: func(h media.SHA256, err error) {
			if err != nil {
				log.Warn("no thumbnail", "photo", h.String(), "error", err)
			}
		},
		Printed: s.sync.Printed,
	}
	if heic, ok := heif.Find(); ok {
		s.deriver.HEIC = heic
	} else {
		log.Info("no previews of HEIC photos: heif-convert is not installed")
	}
	s.receiver = &media.Receiver{
		Staging: files.Staging, Now: time.Now, NewID: func() string { return newID().String() },
		Limits: media.Limits{
			Photo: c.Limits.PhotoBytes, Chunk: c.Limits.ChunkBytes, Keep: 14 * 24 * time.Hour, Pending: c.Limits.Uploads,
			DayPhotos: c.Limits.DayPhotos, DayBytes: c.Limits.DayBytes,
		},
	}
	s.app = httpapi.New(httpapi.Deps{
		Store: s.store, Accounts: accounts, Sync: s.sync, Packs: s.shelf, Uploads: s.receiver,
		Workbooks: workbooks{},
		Published: func() {
			select {
			case s.published <- struct{}{}:
			default:
			}
		},
		Evidence: evidence{s.sync, s.deriver, &busy},
		Photos: media.Viewer{
			Blobs: files.Blobs, Derived: files.Derived, Deriver: s.deriver, Links: files.Links, Ledger: s.ledger,
		},
		Audit: &audit.Log{Docs: s.store, Verifier: logKey.Verifier}, AuditKey: logKey,
		Metrics: s.metrics, Log: log, Now: time.Now, NewID: func() string { return newID().String() }, Limits: edge,
		ProxyHeader: "X-Forwarded-For", Proxies: prefixes(c),
	})
	if err := s.seed(ctx, accounts); err != nil {
		return nil, err
	}
	n, err := s.sync.Recover(ctx)
	if n > 0 {
		log.Info("completed what a stop left pending", "inspections", n)
	}
	return s, err
}

func (s *server) openStore(ctx context.Context, hub *fieldsync.Hub) error {
	var err error
	s.engine, err = openEngine(ctx, cmp.Or(s.config.Store, "sqlite://"+s.config.Data), engineOptions{
		Fatal: s.stop, Warn: func(lack string) { s.log.Warn("the document store cannot promise everything", "why", lack) },
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.engine.Close)
	if e, ok := s.engine.(interface {
		Counts() (commits, written uint64)
	}); ok {
		if err := s.metrics.WatchStore(telemetry.StoreCounts{
			Commits: func() uint64 { n, _ := e.Counts(); return n },
			Writes:  func() uint64 { _, n := e.Counts(); return n },
		}); err != nil {
			return err
		}
	}
	o := storeOptions()
	o.OnCommit = hub.Committed
	s.store, err = store.Open(ctx, s.engine, o)
	return err
}

// stop ends the server because nothing can be promised any more.
func (s *server) stop(err error) {
	select {
	case s.fatal <- err:
	default:
	}
}

// run listens and serves until ctx ends or the store cannot promise anything any more.
func (s *server) run(ctx context.Context, stdout io.Writer) error {
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("无法监听 %s：%w", s.config.Listen, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deriving := make(chan struct{})
	go func() { defer close(deriving); s.deriver.Run(ctx) }()
	go s.chores(ctx)
	sequencing := make(chan struct{})
	go func() { defer close(sequencing); s.sequence(ctx) }()
	scrubbing := make(chan struct{})
	go func() { defer close(scrubbing); s.scrubNightly(ctx) }()
	keeping := make(chan struct{})
	go func() { defer close(keeping); s.keepNightly(ctx) }()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	defer signal.Stop(asked)
	backing := make(chan struct{})
	go func() { defer close(backing); s.backups(ctx, asked) }()
	s.greet(stdout, listener.Addr())
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(listener) }()
	select {
	case err = <-served:
	case err = <-s.fatal:
	case <-ctx.Done():
		grace, stop := context.WithTimeout(context.Background(), s.config.ShutdownGrace)
		defer stop()
		err = s.app.ShutdownWithContext(grace)
	}
	cancel()
	<-deriving
	<-backing
	<-scrubbing
	<-keeping
	<-sequencing
	return err
}

// chores are what has to be done now and then.
func (s *server) chores(ctx context.Context) {
	often, now, seldom := time.NewTicker(5*time.Second), time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	defer now.Stop()
	defer often.Stop()
	defer seldom.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-often.C:
			if err := s.store.Tick(ctx); err != nil {
				s.log.Warn("store chores", "error", err)
				if errors.Is(err, store.ErrEpoch) {
					s.stop(err)
				}
			}
			if err := s.sync.Look(ctx); err != nil {
				s.log.Warn("listeners hear of this node's changes only", "error", err)
			}
			s.metrics.DeriveQueue(s.deriver.Waiting())
		case <-now.C:
			s.judgeWaiting(ctx)
			s.printWaiting(ctx)
		case <-s.published:
			s.judgeWaiting(ctx)
		case <-seldom.C:
			if n, err := s.receiver.Sweep(ctx); err != nil || n > 0 {
				s.log.Info("expired uploads", "removed", n, "error", err)
			}
			if swept, err := s.ledger.Sweep(ctx); err != nil || swept != (media.Swept{}) {
				s.log.Info("photos that no record names, or whose period is over", "swept", swept, "error", err)
			}
			s.archive(ctx)
		}
	}
}

// judgeWaiting takes up what was published, here or on another node, and judges what waited for it.
func (s *server) judgeWaiting(ctx context.Context) {
	if err := s.shelf.Refresh(ctx); err != nil {
		s.log.Warn("published checklists cannot be read", "error", err)
		return
	}
	if n, err := s.sync.Recover(ctx); err != nil || n > 0 {
		s.log.Info("judged what waited for a checklist", "inspections", n, "error", err)
	}
}

// archive moves what has long been closed out of the tablets' working set.
func (s *server) archive(ctx context.Context) {
	if s.archiver == nil {
		return
	}
	n, err := s.archiver.Sweep(ctx)
	s.metrics.Archived("hazard", n.Hazards)
	s.metrics.Archived("inspection", n.Inspections)
	s.metrics.Archived("evidence", n.Evidence)
	if err != nil || n != (fieldsync.Archived{}) {
		s.log.Info("moved to history", "documents", n, "error", err)
	}
}

// printWaiting has the photos printed that a stop, a full queue or another node left: what was queued is not kept.
func (s *server) printWaiting(ctx context.Context) {
	if s.deriver.Waiting() > 0 {
		return
	}
	photos, err := s.sync.Prints.Waiting(ctx, 500)
	if err != nil {
		s.log.Warn("photos that wait for a print", "error", err)
		return
	}
	for _, h := range photos {
		_ = s.deriver.Enqueue(h) // what has no picture is settled, and a full queue has time
	}
}

func (s *server) close() {
	for _, c := range slices.Backward(s.closers) {
		if err := c(); err != nil {
			s.log.Error("closing", "error", err)
		}
	}
}

// evidence enters a photo in its record and asks for its pictures.
type evidence struct {
	*fieldsync.Service
	deriver *media.Deriver
	busy    *load
}

func (e evidence) Attach(ctx context.Context, s fieldsync.Session, r media.Received) error {
	e.busy.note()
	if err := e.Service.Attach(ctx, s, r); err != nil {
		return err
	}
	// A full queue is no reason to refuse a photo: its pictures are made when somebody asks for them. Nor is it one that
	// the photo's hazard cannot be looked up.
	if urgent, err := e.Urgent(ctx, r.Inspection, r.SHA256); err == nil && urgent {
		_ = e.deriver.Hurry(r.SHA256)
		return nil
	}
	_ = e.deriver.Enqueue(r.SHA256)
	return nil
}

// syncLimits are what tablets are told. How large a chunk they begin with depends on what a piece costs where it is kept.
func syncLimits(l config.Limits, staging media.Staging) fieldsync.Limits {
	out := fieldsync.DefaultLimits
	out.PushBytes, out.PushMutations = int(l.PushBytes), l.PushMutations
	out.PullBytes, out.PullDocs = int(l.PullBytes), l.PullChanges
	out.PhotoBytes, out.ChunkBytes = l.PhotoBytes, l.ChunkBytes
	if p, ok := staging.(media.Paced); ok {
		out.ChunkSuggested = p.Piece()
	}
	out.ChunkSuggested = min(out.ChunkSuggested, out.ChunkBytes)
	return out
}

func prefixes(c config.Config) []string {
	var out []string
	for _, p := range c.TrustedProxies {
		out = append(out, p.String())
	}
	return out
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
