package main

import (
	"errors"
	"os"
	"runtime/pprof"
)

// profileVariable names a file for a CPU profile of the whole run of a server: for the benchmarks.
const profileVariable = "PAICHA_TEST_PROFILE"

func profile(path string) (stop func(), err error) {
	f, err := os.Create(path) //nolint:gosec // whoever sets the variable runs the server
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // it is no data of anybody
	}, nil
}
