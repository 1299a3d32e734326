package e2e

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// TestBackupOfPhotosElsewhere: a stopped server that kept its photos in another place is not backed up without them.
func TestBackupOfPhotosElsewhere(t *testing.T) {
	album, folder := "file://"+t.TempDir(), t.TempDir()
	s := newServer(t, "PAICHA_BLOBS="+album)
	tablet := newTablet(t, s, "inspector1", http.DefaultTransport)
	record(t, tablet, rand.New(rand.NewPCG(7, 8)), true)
	settle(t, tablet)
	s.kill()
	for range 2 { // asking does not make the folder that it misses
		if out, err := paicha(t, "backup", "--data", s.dir, "--to", folder); err == nil || !strings.Contains(out, "--blobs") {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if left := complete(t, folder); len(left) > 0 {
		t.Errorf("a backup was made: %v", left)
	}
	out := mustPaicha(t, "backup", "--data", s.dir, "--blobs", album, "--to", folder, "--verify")
	if !strings.Contains(out, "照片 1 张") {
		t.Error(out)
	}
}
