package client

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
)

const handInPath = "/api/v1/auth/hand-in"

type handInRequest struct {
	ServerTime time.Time `json:"serverTime"`
}

type handInAnswer struct {
	Access string `json:"accessToken"`
	Wipe   bool   `json:"wipe"`
}

// handIn hands in under the device key what the tablet holds, for a person without any right left: mutations by signed
// pushes, photos with a token that is good for nothing else. wipe tells that nothing is left and all is to be deleted.
func (t *Tablet) handIn(ctx context.Context) (photos int, wipe bool, err error) {
	err = t.push(ctx, t.byKey)
	if stolen(err) {
		return 0, true, nil
	}
	defer func() { t.handing, t.wiping = "", false }()
	if herr := t.retry(ctx, func() (bool, error) { _, err := t.askHandIn(ctx); return false, err }); herr != nil {
		return 0, stolen(herr), errors.Join(err, herr)
	}
	photos, perr := t.sendPhotos(ctx)
	err = errors.Join(err, perr)
	return photos, t.wiping && err == nil && t.outbox.empty(), err
}

// askHandIn proves the device key. The proof names the server's time: a tablet whose clock is wrong is told, and asks
// once more.
func (t *Tablet) askHandIn(ctx context.Context) (string, error) {
	answer, err := t.proveHolding(ctx, t.Now())
	var r *Refusal
	if errors.As(err, &r) && r.Code == "auth.stale_proof" && !r.Date.IsZero() {
		answer, err = t.proveHolding(ctx, r.Date)
	}
	if err != nil {
		return "", err
	}
	var a handInAnswer
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", ErrAnswer.Because(err)
	}
	if a.Access == "" {
		return "", ErrAnswer.Because(errors.New("no token to hand in with"))
	}
	t.handing, t.wiping = a.Access, a.Wipe
	return a.Access, nil
}

func (t *Tablet) proveHolding(ctx context.Context, at time.Time) ([]byte, error) {
	body, err := json.Marshal(handInRequest{ServerTime: at.UTC()})
	if err != nil {
		return nil, ErrArgs.Because(err)
	}
	return t.byKey(ctx, handInPath, body)
}
