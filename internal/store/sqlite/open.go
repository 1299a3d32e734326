package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

//go:embed schema/*.sql
var schemaFS embed.FS

// Options say where the data is and what may be asked of it.
type Options struct {
	// Path of the database file; "-wal", "-shm" and ".lock" stand beside it. Its directory must exist.
	Path string

	// Indexes that Find may use. Those no longer declared are dropped at Open, new ones are built.
	Indexes []store.Index

	// Readers is the number of read connections; 0 means 4. Each costs up to about 10 MB.
	Readers int

	// CheckpointPages is the length of the log, in pages of 4 KB, at which it is written back; 0 means 4000.
	CheckpointPages int

	// Fatal is called once, from the writing goroutine, when a COMMIT or fsync failed and nothing can be promised any
	// more: the process should stop. By then every call answers store.ErrUnavailable. May be nil.
	Fatal func(error)

	// ReadOnly refuses every Put and leaves schema and indexes as they are: nothing but the log, which a killed process
	// may have left, is written back. An empty or older database is refused.
	ReadOnly bool

	// VFS names the file layer, as registered with the driver's vfs.Register; empty is the operating system's. Tests
	// put one here that forgets what was not synced.
	VFS string
}

// Engine is a store.Engine over one SQLite file. It is safe for concurrent use.
type Engine struct {
	options Options
	lock    *os.File
	names   *names
	indexes store.Indexes
	readers chan *reader
	pool    []*reader
	writer  *writer

	jobs    chan *job
	quit    chan struct{} // closed by Close: no new calls
	stopped chan struct{} // closed when the writing goroutine has ended
	closing sync.Once

	commits, written atomic.Uint64 // groups, and documents in them, that were made durable

	dead     chan struct{} // closed by the first fatal failure
	deadOnce sync.Once
	deadErr  error // set before dead is closed
}

var (
	_ store.Engine   = (*Engine)(nil)
	_ store.Sole     = (*Engine)(nil)
	_ store.Portable = (*Engine)(nil)
)

// Counts are how many groups of writes, and how many documents in them, this engine has made durable.
func (e *Engine) Counts() (commits, written uint64) { return e.commits.Load(), e.written.Load() }

// Open opens or creates the database, brings its schema and indexes up to date, and starts the writing goroutine.
// Errors: store.ErrInUse when another process, or this one, has it open; store.ErrUnavailable for all else.
func Open(ctx context.Context, o Options) (_ *Engine, err error) {
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.CheckpointPages <= 0 {
		o.CheckpointPages = checkpointPages
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, store.ErrUnavailable.Because(err)
	}
	o.Path = path
	indexes, err := store.Declare(o.Indexes)
	if err != nil {
		return nil, store.ErrUnavailable.Because(err)
	}
	e := &Engine{
		options: o,
		names:   newNames(),
		indexes: indexes,
		readers: make(chan *reader, o.Readers),
		jobs:    make(chan *job, 1024),
		quit:    make(chan struct{}),
		stopped: make(chan struct{}),
		dead:    make(chan struct{}),
	}
	if e.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(store.ErrUnavailable.Because(err), e.closeFiles())
		}
	}()
	conn, err := e.connect(ctx, writerCache)
	if err != nil {
		return nil, err
	}
	e.writer = &writer{engine: e, conn: conn}
	if err = e.bring(conn); err != nil {
		return nil, err
	}
	if err = e.writer.prepare(); err != nil {
		return nil, err
	}
	if err = e.loadWriters(conn); err != nil {
		return nil, err
	}
	if err = syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	for range o.Readers {
		c, err := e.connect(ctx, readerCache)
		if err != nil {
			return nil, err
		}
		r := &reader{engine: e, conn: c}
		e.pool = append(e.pool, r)
		if err := r.prepare(); err != nil {
			return nil, err
		}
		e.readers <- r
	}
	go e.writer.run()
	return e, nil
}

// bring brings schema and indexes up to date, or only looks whether the schema is.
func (e *Engine) bring(conn *sqlite3.Conn) error {
	if !e.options.ReadOnly {
		if err := migrate(conn); err != nil {
			return err
		}
		return buildIndexes(conn, e.indexes)
	}
	files, err := fs.Glob(schemaFS, "schema/*.sql")
	if err != nil {
		return err
	}
	version, err := queryInt(conn, `PRAGMA user_version`)
	if err != nil {
		return err
	}
	if int(version) != len(files) {
		return fmt.Errorf("schema version is %d, this program reads %d", version, len(files))
	}
	return conn.Exec(`PRAGMA query_only = ON`)
}

// Cache sizes in KiB: with four readers at most 48 MB, a bound chosen and not yet tuned by measurement. The operating
// system caches the file too.
const (
	writerCache = 16 << 10
	readerCache = 8 << 10
)

// connect opens a connection. In WAL mode synchronous=FULL means one fsync of the log for each commit.
func (e *Engine) connect(ctx context.Context, cacheKiB int) (*sqlite3.Conn, error) {
	u := url.URL{Scheme: "file", Path: e.options.Path}
	if e.options.VFS != "" {
		u.RawQuery = url.Values{"vfs": {e.options.VFS}}.Encode()
	}
	c, err := sqlite3.OpenContext(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(e.options.Path), err)
	}
	err = c.Exec(fmt.Sprintf(`
		PRAGMA busy_timeout = 10000;
		PRAGMA page_size = 4096;
		PRAGMA journal_mode = WAL;
		PRAGMA synchronous = FULL;
		PRAGMA wal_autocheckpoint = 0;
		PRAGMA journal_size_limit = 67108864;
		PRAGMA temp_store = MEMORY;
		PRAGMA trusted_schema = OFF;
		PRAGMA cache_size = -%d;`, cacheKiB))
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// migrate applies the numbered files of schema/ that the database has not seen, each in a transaction of its own.
func migrate(c *sqlite3.Conn) error {
	files, err := fs.Glob(schemaFS, "schema/*.sql")
	if err != nil {
		return err
	}
	version, err := queryInt(c, `PRAGMA user_version`)
	if err != nil {
		return err
	}
	if int(version) > len(files) {
		return fmt.Errorf("schema version %d is newer than this program", version)
	}
	for i := int(version); i < len(files); i++ {
		text, err := schemaFS.ReadFile(files[i])
		if err != nil {
			return err
		}
		script := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA user_version = %d;\nCOMMIT;", text, i+1)
		if err := c.Exec(script); err != nil {
			return fmt.Errorf("%s: %w", files[i], err)
		}
	}
	return nil
}

func queryInt(c *sqlite3.Conn, sql string) (int64, error) {
	st, _, err := c.Prepare(sql)
	if err != nil {
		return 0, err
	}
	var n int64
	if st.Step() {
		n = st.ColumnInt64(0)
	}
	err = st.Err()
	return n, errors.Join(err, st.Close())
}

func (e *Engine) loadWriters(c *sqlite3.Conn) error {
	st, _, err := c.Prepare(`SELECT no, name, last FROM writers`)
	if err != nil {
		return err
	}
	for st.Step() {
		no := st.ColumnInt64(0)
		e.names.keepWriter(store.WriterID(st.ColumnText(1)), no)
		e.names.raise(no, store.Seq(st.ColumnInt64(2)))
	}
	err = st.Err()
	return errors.Join(err, st.Close())
}

// prepareAll compiles statements that live as long as the connection.
func prepareAll(c *sqlite3.Conn, into map[**sqlite3.Stmt]string) error {
	for p, sql := range into {
		st, _, err := c.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(strings.Fields(sql), " "), err)
		}
		*p = st
	}
	return nil
}

// Close finishes the calls under way, writes the log back into the database and gives up the lock. Later calls answer
// store.ErrClosed. It may be called more than once.
func (e *Engine) Close() error {
	var err error
	e.closing.Do(func() {
		close(e.quit)
		<-e.stopped
		for range e.options.Readers {
			<-e.readers
		}
		err = e.closeFiles()
	})
	return err
}

func (e *Engine) closeFiles() error {
	var errs []error
	for _, r := range e.pool {
		errs = append(errs, closeConn(r.conn))
	}
	if e.writer != nil {
		errs = append(errs, closeConn(e.writer.conn))
	}
	return errors.Join(append(errs, e.lock.Close())...)
}

// closeConn closes the statements first: a connection that has any left does not close.
func closeConn(c *sqlite3.Conn) error {
	var open []*sqlite3.Stmt
	for st := range c.Stmts() {
		open = append(open, st)
	}
	for _, st := range open {
		_ = st.Close() // repeats the statement's last error, which was reported then
	}
	return c.Close()
}

// state answers why a call cannot be served now: store.ErrClosed, store.ErrUnavailable or the context's error.
func (e *Engine) state(ctx context.Context) error {
	select {
	case <-e.dead:
		return store.ErrUnavailable.Because(e.deadErr)
	default:
	}
	select {
	case <-e.quit:
		return store.ErrClosed
	default:
	}
	return ctx.Err()
}

// fail stops the engine for good.
func (e *Engine) fail(err error) {
	e.deadOnce.Do(func() {
		e.deadErr = err
		close(e.dead)
		if e.options.Fatal != nil {
			e.options.Fatal(err)
		}
	})
}
