package simtest

import (
	fieldsync "paicha/sync"

	"paicha/internal/store"
)

// bug is a defect of another system, seeded where the real part meets the world.
type bug struct {
	name    string
	prepare func(w *world)
	engine  func(w *world, n *node, e store.Engine) store.Engine
	killed  func(w *world, n *node)
	restore func(w *world)
	synced  func(w *world, t *tablet)
	hello   func(w *world, h *fieldsync.HelloResponse)
	pull    func(w *world, n *node, t *tablet, in fieldsync.PullRequest) ([]byte, error)
	page    func(w *world, t *tablet, answer []byte) []byte
	push    func(w *world, r *fieldsync.PushResponse) error
}
