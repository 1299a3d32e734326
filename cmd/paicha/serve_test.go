package main

import (
	"testing"

	"paicha/internal/config"
	"paicha/media/fs"
	"paicha/media/minio"
)

// TestChunkSuggested: small chunks where a piece costs an append to a file, larger ones where it costs an object.
func TestChunkSuggested(t *testing.T) {
	files, err := fs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	l := config.Limits{ChunkBytes: 30 << 20}
	if n := syncLimits(l, files.Staging()).ChunkSuggested; n != 256<<10 {
		t.Errorf("files: %d", n)
	}
	if n := syncLimits(l, &minio.Staging{}).ChunkSuggested; n != 1<<20 {
		t.Errorf("S3: %d", n)
	}
	l.ChunkBytes = 512 << 10
	if n := syncLimits(l, &minio.Staging{}).ChunkSuggested; n != 512<<10 {
		t.Errorf("S3 under a bound: %d", n)
	}
}
