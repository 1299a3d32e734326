package main

import (
	"io"
	"log/slog"
	"testing"

	"paicha/internal/config"
	"paicha/media"
)

// TestKeepingIsWired: what the operator says decides in the running server, and a hold never waits for the photo store.
func TestKeepingIsWired(t *testing.T) {
	c, err := config.Load([]string{"--data", t.TempDir(), "--keep-general", "10y", "--keep-major", "12000d"}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s, err := build(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if want := (media.Periods{General: media.Span{Years: 10}, Major: media.Span{Days: 12000}}); s.keeper.Periods != want || s.keeper.Ledger != s.ledger || s.ledger.Keeping == nil {
		t.Errorf("%+v", s.keeper)
	}
	if s.keeper.Locks != nil {
		t.Error("files have no locks")
	}
	for range 2 * cap(s.held) {
		s.sync.Held("insp-1")
	}
	if len(s.held) != cap(s.held) {
		t.Errorf("%d of %d", len(s.held), cap(s.held))
	}
}
