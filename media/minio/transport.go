package minio

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// errSilent ends a request whose other side said nothing for too long.
var errSilent = errors.New("the store is silent")

// transport makes connections on which no wait is without bound: for the connection, for room to write, for the
// beginning of an answer, and, by patient, for each further piece of it. A time for the whole would not do: how long a
// photo takes to be read is decided by the slowest line of a tablet.
func transport(patience time.Duration) http.RoundTripper {
	dialer := &net.Dialer{Timeout: min(patience, 10*time.Second), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return writer{c, patience}, nil
		},
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   min(patience, 10*time.Second),
		ResponseHeaderTimeout: patience,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true, // bytes are kept as they are
	}
}

// writer is a connection that does not wait for ever for the other side to take something.
type writer struct {
	net.Conn
	patience time.Duration
}

func (w writer) Write(p []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(w.patience)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// patient ends answers that fall silent.
type patient struct {
	next     http.RoundTripper
	patience time.Duration
}

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	resp, err := p.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	b := &answer{body: resp.Body, ctx: ctx, cancel: cancel, patience: p.patience}
	b.timer = time.AfterFunc(p.patience, func() { cancel(errSilent) })
	b.timer.Stop()
	resp.Body = b
	return resp, nil
}

// CloseIdleConnections closes what no request uses.
func (p *patient) CloseIdleConnections() {
	if t, ok := p.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// answer is a body that ends when it falls silent while somebody reads it.
type answer struct {
	body     io.ReadCloser
	ctx      context.Context
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	patience time.Duration
}

func (a *answer) Read(p []byte) (int, error) {
	a.timer.Reset(a.patience)
	n, err := a.body.Read(p)
	a.timer.Stop()
	if err != nil && err != io.EOF && errors.Is(context.Cause(a.ctx), errSilent) {
		err = errSilent
	}
	return n, err
}

func (a *answer) Close() error {
	a.timer.Stop()
	err := a.body.Close()
	a.cancel(nil)
	return err
}
