package media_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"paicha/media"
	"paicha/media/fs"
)

// TestQuotaOfADevice: a device over its share is told to wait for the next day in China; others, and uploads that were
// begun before, go on.
func TestQuotaOfADevice(t *testing.T) {
	files, err := fs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	now, n := time.Date(2023, 6, 5, 15, 0, 0, 0, time.UTC), 0
	r := &media.Receiver{
		Staging: files.Staging(), Now: func() time.Time { return now }, Limits: media.DefaultLimits(),
		NewID: func() string { n++; return fmt.Sprintf("upload-%d", n) },
	}
	r.Limits.DayPhotos, r.Limits.DayBytes = 3, 1000
	begin := func(device string, length int64, want error) {
		t.Helper()
		_, err := r.Create(t.Context(), media.NewUpload{
			Owner: "wang", Device: device, Length: length, Metadata: media.Metadata{SHA256: media.Sum([]byte(fmt.Sprint(n)))},
		})
		if !errors.Is(err, want) {
			t.Errorf("%s, %d bytes: %v, want %v", device, length, err, want)
		}
	}
	begin("tablet", 400, nil)
	begin("tablet", 601, media.ErrQuota)
	begin("tablet", 600, nil) // what was refused counts for nothing
	begin("tablet", 1, media.ErrQuota)
	for range 3 {
		begin("other", 1, nil)
	}
	begin("other", 1, media.ErrQuota)
	now = now.Add(30 * time.Minute) // 23:30 in China
	begin("tablet", 1, media.ErrQuota)
	now = now.Add(30 * time.Minute)
	begin("tablet", 1000, nil)
	if _, err := r.Info(t.Context(), "upload-1", "wang"); err != nil {
		t.Error(err)
	}
}
