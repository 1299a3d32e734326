package mongo_test

import (
	"testing"

	"paicha/internal/store"
	"paicha/internal/store/storetest"
)

func TestEngine(t *testing.T) {
	size := storetest.Slow
	if real(t) {
		size = storetest.Full
	}
	storetest.Engine(t, size, func(t *testing.T) store.Engine { return open(t, database(t)) })
}
