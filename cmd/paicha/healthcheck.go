package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// healthcheck asks the server on this machine whether it is ready; PAICHA_LISTEN says where, as for serve.
func healthcheck(ctx context.Context, args []string, _, stderr io.Writer) int {
	at := os.Getenv("PAICHA_LISTEN")
	if len(args) > 0 {
		at = args[0]
	}
	if at == "" {
		at = "127.0.0.1:8080"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/readyz", nil)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		fmt.Fprintln(stderr, answer.Status)
		return 1
	}
	return 0
}
