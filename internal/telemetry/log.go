package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// ErrFormat is returned for a log format other than "json" and "text".
var ErrFormat = errors.New("log format is neither json nor text")

// LogOptions say how logs are written.
type LogOptions struct {
	Format string     // "json" or "text"
	Level  slog.Level // records below are dropped
}

// NewLogger writes records to w, each with the request id of its context as the top-level attribute request_id.
// It returns ErrFormat for an unknown format.
func NewLogger(w io.Writer, o LogOptions) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: blank}
	var h slog.Handler
	switch o.Format {
	case "json":
		h = slog.NewJSONHandler(w, opts)
	case "text":
		h = slog.NewTextHandler(w, opts)
	default:
		return nil, ErrFormat
	}
	return slog.New(&handler{root: h, bound: h}), nil
}

// secretKeys are parts of attribute keys whose values are never written, whoever logs them.
var secretKeys = []string{"password", "passwd", "secret", "token", "authorization", "cookie", "private_key", "credential"}

// blank is the second net under Secret: it hides the values of attributes that are named like secrets.
func blank(_ []string, a slog.Attr) slog.Attr {
	key := strings.ToLower(a.Key)
	for _, k := range secretKeys {
		if strings.Contains(key, k) && a.Value.Kind() != slog.KindInt64 && a.Value.Kind() != slog.KindBool {
			return slog.String(a.Key, redacted)
		}
	}
	return a
}

type requestIDKey struct{}

// WithRequestID returns a context whose records carry id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the request id of ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// handler adds the request id at the top level, also for loggers made by WithGroup: a request must be found by one key.
// bound is root with the steps applied; root and steps are kept to put the request id in front of them.
type handler struct {
	root, bound slog.Handler
	steps       []func(slog.Handler) slog.Handler
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.bound.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	id := RequestID(ctx)
	if id == "" {
		return h.bound.Handle(ctx, r)
	}
	with := h.root.WithAttrs([]slog.Attr{slog.String("request_id", id)})
	for _, step := range h.steps {
		with = step(with)
	}
	return with.Handle(ctx, r)
}

func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	return h.then(func(s slog.Handler) slog.Handler { return s.WithAttrs(as) })
}

func (h *handler) WithGroup(name string) slog.Handler {
	return h.then(func(s slog.Handler) slog.Handler { return s.WithGroup(name) })
}

func (h *handler) then(step func(slog.Handler) slog.Handler) slog.Handler {
	steps := slices.Concat(h.steps, []func(slog.Handler) slog.Handler{step})
	return &handler{root: h.root, bound: step(h.bound), steps: steps}
}
