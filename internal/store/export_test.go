package store

import "sync"

// SetNaiveWatermark replaces the watermark by the highest seq given out, the defect that the feed exists to avoid.
func SetNaiveWatermark(on bool) { naiveWatermark = on }

// SetGate changes how s waits for its publishing lock, so that an explorer can schedule the waiting.
func (s *Store) SetGate(g func(*sync.Mutex)) { s.gate = g }

// Seal seals w as a node does that has watched it stand still for too long.
var Seal = (*Store).seal
