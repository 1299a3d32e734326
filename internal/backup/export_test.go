package backup

import "testing"

// SetPageDocs makes pages small for one test.
func SetPageDocs(t *testing.T, n int) {
	old := page
	page.Docs = n
	t.Cleanup(func() { page = old })
}

// SetSegmentBytes makes segments small for one test.
func SetSegmentBytes(t *testing.T, n int) {
	old := segmentBytes
	segmentBytes = n
	t.Cleanup(func() { segmentBytes = old })
}
