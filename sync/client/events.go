package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Follow listens to the server's hints (server-sent events, WHATWG HTML 9.2) and calls hint for each one, until the
// stream ends or ctx does; the error says how. Whoever wants to go on calls it again. Everything syncs without it.
func (t *Tablet) Follow(ctx context.Context, hint func()) error {
	return t.withToken(ctx, func(token string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Server+"/api/v1/sync/events", nil)
		if err != nil {
			return ErrOffline.Because(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept", "text/event-stream")
		resp, err := t.HTTP.Do(req)
		if err != nil {
			return offline(ctx, err)
		}
		defer func() { _ = resp.Body.Close() }() // a stream has no end that could fail
		if resp.StatusCode != http.StatusOK {
			return refusal(resp)
		}
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data:") {
				hint()
			}
		}
		err = lines.Err()
		if err == nil {
			err = io.EOF
		}
		if errors.Is(err, bufio.ErrTooLong) {
			return ErrAnswer.Because(err)
		}
		return offline(ctx, err)
	})
}
