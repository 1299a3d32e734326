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
	"paicha/internal/auth"
	"paicha/internal/config"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/httpapi"
	"paicha/internal/store"
	"paicha/internal/telemetry"
	"paicha/media"
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
	metrics  *telemetry.Metrics
	app      *fiber.App
	fatal    chan error
	// published has room for one: that something was published, not how much.
	published chan struct{}
	closers   []func() error
}

func build(ctx context.Context, c config.Config, log *slog.Logger) (_ *server, err error) {
	s := &server{config: c, log: log, fatal: make(chan error, 1), published: make(chan struct{}, 1), metrics: telemetry.NewMetrics(version)}
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
	s.ledger = media.NewLedger(s.store, files.Blobs, time.Now)
	s.ledger.Derived, s.ledger.Claim, s.sync.Photos = files.Derived, s.sync.Claim, s.ledger
	edge := httpapi.DefaultLimits()
	edge.Body, edge.Sync, edge.Streams = int(c.Limits.BodyBytes), limits, c.Limits.Streams
	busy := load{}
	s.deriver = &media.Deriver{
		Blobs: files.Blobs, Derived: files.Derived, Busy: busy.high, Pause: time.Tick(50 * time.Millisecond),
		Report: func(h media.SHA256, err error) {
			if err != nil {
				log.Warn("no thumbnail", "photo", h.String(), "error", err)
			}
		},
	}
	s.receiver = &media.Receiver{
		Staging: files.Staging, Now: time.Now, NewID: func() string { return newID().String() },
		Limits: media.Limits{Photo: c.Limits.PhotoBytes, Chunk: c.Limits.ChunkBytes, Keep: 14 * 24 * time.Hour, Pending: c.Limits.Uploads},
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
		Evidence: evidence{s.sync, s.deriver, &busy}, Photos: media.Viewer{Blobs: files.Blobs, Derived: files.Derived, Deriver: s.deriver},
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
		case <-s.published:
			s.judgeWaiting(ctx)
		case <-seldom.C:
			if n, err := s.receiver.Sweep(ctx); err != nil || n > 0 {
				s.log.Info("expired uploads", "removed", n, "error", err)
			}
			if swept, err := s.ledger.Sweep(ctx); err != nil || swept != (media.Swept{}) {
				s.log.Info("photos that no record names", "swept", swept, "error", err)
			}
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
	// A full queue is no reason to refuse a photo: its pictures are made when somebody asks for them.
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
