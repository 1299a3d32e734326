package auth

import (
	"sync"
	"time"
)

// The bounds of failed logins within a window. An address may be that of a whole office.
const (
	failWindow      = 15 * time.Minute
	failsPerLogin   = 10
	failsPerAddress = 100
	limiterKeys     = 20_000
)

// limiter counts attempts by key in fixed windows. It forgets the oldest window when it is full, so that strangers can
// cost it a bounded amount of memory. Counts are a process's own: n nodes allow n times as much.
type limiter struct {
	mu      sync.Mutex
	windows map[string]*window
	order   []string // by beginning; may name windows that are gone
	max     int
}

type window struct {
	began time.Time
	count int
}

func newLimiter(keys int) *limiter { return &limiter{windows: map[string]*window{}, max: keys} }

// take counts one attempt of both keys and reports whether both are within bounds. It counts before the password is
// looked at, so that a burst in parallel is bounded too.
func (l *limiter) take(login, address string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.count("l:"+login, now) <= failsPerLogin
	b := l.count("a:"+address, now) <= failsPerAddress
	return a && b
}

// forgive takes a successful attempt back. The login starts afresh; the address loses only the one attempt, or anybody
// with one account could wash away the guesses at others.
func (l *limiter) forgive(login, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.windows, "l:"+login)
	if w := l.windows["a:"+address]; w != nil && w.count > 0 {
		w.count--
	}
}

func (l *limiter) count(key string, now time.Time) int {
	w := l.windows[key]
	if w == nil || now.Sub(w.began) >= failWindow {
		if w == nil {
			l.makeRoom()
			l.order = append(l.order, key)
		}
		w = &window{began: now}
		l.windows[key] = w
	}
	w.count++
	return w.count
}

func (l *limiter) makeRoom() {
	for len(l.windows) >= l.max && len(l.order) > 0 {
		delete(l.windows, l.order[0])
		l.order = l.order[1:]
	}
	if len(l.order) > 2*l.max { // forgiven keys leave their names behind
		l.order = append([]string(nil), l.order[len(l.order)-l.max:]...)
	}
}
