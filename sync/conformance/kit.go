package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Login is one account of the server that is tried.
type Login struct {
	Login    string `yaml:"login"`
	Password string `yaml:"password"`
}

// Accounts are the people that the kit acts as: two inspectors and a supervisor of one region, and an enterprise in it.
type Accounts struct {
	Inspector  Login `yaml:"inspector"`
	Colleague  Login `yaml:"colleague"`
	Supervisor Login `yaml:"supervisor"`
	Enterprise Login `yaml:"enterprise"`
}

// Kit is what trying a server needs. All fields are set before Run.
type Kit struct {
	Server   string // base URL
	HTTP     *http.Client
	Accounts Accounts
	Now      func() time.Time
	NewID    func() string // UUIDv7
}

// State is how a requirement fared.
type State string

// The states of a requirement.
const (
	Pass    State = "pass"
	Fail    State = "fail"
	NotSeen State = "not seen" // cannot be shown from outside, or not on this server
)

// Line is the report on one requirement. Note says what was seen, or where the requirement is shown instead.
type Line struct {
	Rule, Title string
	State       State
	Note        string
}

// notSeen is the error of a check that could not be made here.
type notSeen string

func (n notSeen) Error() string { return string(n) }

// check tries one requirement. A nil func is one that nobody can show from outside; where says which test does.
type check struct {
	rule, title string
	try         func(context.Context, *world) error
	where       string
}

// Rules returns the names of the requirements that the kit knows, in order.
func Rules() []string {
	out := make([]string, len(checks))
	for i, c := range checks {
		out[i] = c.rule
	}
	return out
}

// Run tries every requirement and tells each line as soon as it is known. It returns an error only if the kit cannot
// begin: the server does not answer, an account does not log in, or there is nothing to work on.
func (k *Kit) Run(ctx context.Context, tell func(Line)) error {
	w, err := k.enter(ctx)
	if err != nil {
		return err
	}
	for _, c := range checks {
		l := Line{Rule: c.rule, Title: c.title, State: Pass}
		if c.try == nil {
			l.State, l.Note = NotSeen, c.where
			tell(l)
			continue
		}
		err := c.try(ctx, w)
		var unseen notSeen
		switch {
		case errors.As(err, &unseen):
			l.State, l.Note = NotSeen, string(unseen)
		case err != nil:
			l.State, l.Note = Fail, err.Error()
		}
		tell(l)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// expect returns an error unless kept.
func expect(kept bool, format string, args ...any) error {
	if kept {
		return nil
	}
	return fmt.Errorf(format, args...)
}
