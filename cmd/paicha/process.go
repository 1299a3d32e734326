package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"paicha/internal/config"
	"paicha/internal/telemetry"
	fieldsync "paicha/sync"
)

var random io.Reader = rand.Reader

// secret reads the key that signs access tokens and closes cursors, or makes it at the first start.
func secret(c config.Config) ([]byte, error) {
	name := c.TokenKeyFile
	if name == "" {
		name = filepath.Join(c.Data, "token.key")
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && c.TokenKeyFile == "" {
		key := make([]byte, 32)
		if _, err := io.ReadFull(random, key); err != nil {
			return nil, err
		}
		return key, os.WriteFile(name, []byte(hex.EncodeToString(key)+"\n"), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("token key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) < 32 {
		return nil, fmt.Errorf("token key %s: want at least 32 bytes in hexadecimal", name)
	}
	return key, nil
}

// load tells whether requests need the processor more than thumbnails do: photos are coming in just now.
type load struct{ last atomic.Int64 }

func (l *load) note() { l.last.Store(time.Now().UnixNano()) }

func (l *load) high() bool { return time.Since(time.Unix(0, l.last.Load())) < 250*time.Millisecond }

// meter counts what syncing does.
type meter struct {
	*telemetry.Metrics
	log *slog.Logger
}

func (m meter) Pushed(s fieldsync.Status) { m.Mutation(string(s)) }

// Forked is loud: a tablet was copied, and a supervisor finds its work in quarantine.
func (m meter) Forked(device string) {
	m.Metrics.Forked()
	m.log.Warn("a device turned out to be cloned", "device", device)
}

// RuleFailed is loud: somebody has to mend the checklist, and until then people judge by hand.
func (m meter) RuleFailed(pack, rule string) {
	m.Metrics.RuleFailed()
	m.log.Error("a rule failed; a person has to judge", "pack", pack, "rule", rule)
}

// reached lets a crash test stop this process between two durable steps: PAICHA_TEST_EXIT_AT names the step.
func reached() func(string) {
	at := os.Getenv("PAICHA_TEST_EXIT_AT")
	if at == "" {
		return nil
	}
	return func(place string) {
		if place == at {
			os.Exit(137) // as kill -9 would
		}
	}
}
