// Package simtest simulates the sync protocol: the real service over the real store, on several nodes, and the real
// client on several tablets, in one goroutine. Only the engine (storetest.Model), the tablets' disks, the network, the
// clocks and the bytes of photos are models. A seed decides everything, so that a run can be repeated exactly.
//
// All of it is test code: go test ./sync/simtest runs some thousand short seeds, make sim SEEDS=… long ones.
package simtest
