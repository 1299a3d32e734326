//go:build race

package simtest

// The race detector makes a seed ten times as slow and has nothing to find in one goroutine.
func init() { slow = 20 }
