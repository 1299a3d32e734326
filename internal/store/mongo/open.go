package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"paicha/internal/store"
)

// Options say where the data is and what may be asked of it.
type Options struct {
	// URI of the deployment, mongodb:// or mongodb+srv://, with user, TLS and pool sizes. What it says of write concern,
	// read concern, read preference and retries is overruled.
	URI string

	// Database that holds the documents; "paicha" if empty.
	Database string

	// Indexes that Find may use; those that are missing are built by Open. None is dropped: a node of the former version
	// may still ask for it (docs/operations.md).
	Indexes []store.Index

	// Views are the kinds that get a read-only view of their name, for people.
	Views []store.Kind

	// Timeout bounds each call, from waiting for a connection to the last byte; 0 means 10 s. What a write came to by
	// then is unknown.
	Timeout time.Duration

	// GroupTimeout is the same for Group, which reads all that it counts; 0 means one minute.
	GroupTimeout time.Duration

	// Parallel bounds the writes under way at once, of all calls together; 0 means 32.
	Parallel int

	// Dial makes the connections; nil is the operating system's way. Tests put one here that leads over a bad line.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Engine is a store.Engine over one collection of a MongoDB-compatible server. It is safe for concurrent use, also by
// several processes at once. It is no store.Sole: see the package's comment.
type Engine struct {
	options Options
	client  *mongo.Client
	docs    *mongo.Collection
	indexes store.Indexes
	seen    clock
	slots   chan struct{}
	lacks   []string

	closing sync.Once
	closed  chan struct{}
}

var _ store.Engine = (*Engine)(nil)

// collection holds the documents of all kinds.
const collection = "docs"

// Open connects, learns what the server can do, and makes the indexes and views that are missing. Doing so again, or on
// several nodes at once, comes to the same. It waits for an index that has to be built over existing documents, as long
// as ctx allows. Its error is store.ErrUnavailable with the cause.
func Open(ctx context.Context, o Options) (_ *Engine, err error) {
	if o.Database == "" {
		o.Database = "paicha"
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.GroupTimeout <= 0 {
		o.GroupTimeout = time.Minute
	}
	if o.Parallel <= 0 {
		o.Parallel = 32
	}
	indexes, err := store.Declare(o.Indexes)
	if err != nil {
		return nil, store.ErrUnavailable.Because(err)
	}
	client, err := mongo.Connect(settings(o))
	if err != nil {
		return nil, store.ErrUnavailable.Because(err)
	}
	e := &Engine{
		options: o,
		client:  client,
		docs:    client.Database(o.Database).Collection(collection),
		indexes: indexes,
		slots:   make(chan struct{}, o.Parallel),
		closed:  make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(store.ErrUnavailable.Because(err), e.Close())
		}
	}()
	if err := e.greet(ctx); err != nil {
		return nil, err
	}
	if err := e.buildIndexes(ctx); err != nil {
		return nil, err
	}
	if err := e.makeViews(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// connectTimeout is how long making a connection may take where the URI does not say.
const connectTimeout = 10 * time.Second

// settings are the driver's. Writes are durable on a majority before they are answered, reads see only what is; nothing
// is written twice of the driver's own accord (see the package's comment), while a read may be repeated.
func settings(o Options) *options.ClientOptions {
	journaled := true
	s := options.Client().ApplyURI(o.URI).
		SetAppName("paicha").
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journaled}).
		SetReadConcern(readconcern.Majority()).
		SetReadPreference(readpref.Primary()).
		SetRetryWrites(false).
		SetRetryReads(true).
		SetServerSelectionTimeout(o.Timeout)
	if s.ConnectTimeout == nil {
		// It bounds the driver's look-outs too: a primary that has fallen silent is given up after as long again.
		s.SetConnectTimeout(connectTimeout)
	}
	if o.Dial != nil {
		s.SetDialer(dialer(o.Dial))
	}
	return s
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// greet asks the server what it is.
func (e *Engine) greet(ctx context.Context) error {
	var hello struct {
		SetName string `bson:"setName"`
		Msg     string `bson:"msg"`
	}
	err := e.call(ctx, e.options.Timeout, func(ctx context.Context) error {
		return e.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	})
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if hello.SetName == "" && hello.Msg != "isdbgrid" {
		e.lacks = append(e.lacks, "replica set: what is answered is on the disk of one machine alone, and is lost with it")
	}
	return nil
}

// Lacks names, one sentence each, what this server does not give although the engine would use it. Whoever opens the
// engine tells the operator.
func (e *Engine) Lacks() []string { return e.lacks }

// Close ends the connections, waiting a while for the calls under way. Later calls answer store.ErrClosed. It may be
// called more than once.
func (e *Engine) Close() error {
	var err error
	e.closing.Do(func() {
		close(e.closed)
		ctx, cancel := context.WithTimeout(context.Background(), e.options.Timeout)
		defer cancel()
		err = e.client.Disconnect(ctx)
	})
	return err
}
