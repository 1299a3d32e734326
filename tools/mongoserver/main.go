// Command mongoserver is a MongoDB-compatible server for tests: FerretDB over SQLite in a folder of its own, behind a
// proxy that lets one command through at a time.
//
// It prints its URI on the first line of its output and serves until its standard input ends or it is told to stop, so
// that it never outlives the test that started it. -data names the folder; without it a temporary one is made and
// removed at the end.
//
// It stands in for MongoDB only as far as its limits go; internal/store/mongo names the guarantees that it cannot show.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	data := flag.String("data", "", "folder for the data; a temporary one if empty")
	verbose := flag.Bool("v", false, "log what the server says")
	flag.Parse()
	if err := run(*data, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "mongoserver:", err)
		os.Exit(1)
	}
}

func run(data string, verbose bool) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if data == "" {
		if data, err = os.MkdirTemp("", "paicha-mongoserver-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	}
	log := slog.New(slog.DiscardHandler)
	if verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    log,
		Handler:   "sqlite",
		SQLiteURL: "file:" + filepath.ToSlash(data) + "/",
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- db.Run(ctx) }() // MongoDBURI waits for it
	behind, err := url.Parse(db.MongoDBURI())
	if err != nil {
		return err
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p := &proxy{behind: behind.Host}
	go func() { _ = p.serve(front) }() // ends with the listener
	fmt.Printf("mongodb://%s/\n", front.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whoever started us holds the other end
		stop()
	}()
	<-ctx.Done()
	_ = front.Close() // nothing is lost by it
	return <-ended
}
