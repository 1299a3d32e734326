package minio

import (
	"testing"

	"paicha/media"
	"paicha/media/blobtest"
)

func TestBlobs(t *testing.T) {
	blobtest.Blobs(t, func(t *testing.T) media.Blobs { return openNamed(t, t.TempDir()).Blobs() })
}

func TestStaging(t *testing.T) {
	blobtest.Staging(t, func(t *testing.T, name string) (media.Staging, media.Blobs) {
		s := openNamed(t, name)
		return s.Staging(), s.Blobs()
	})
}

func TestDerivatives(t *testing.T) {
	blobtest.Derivatives(t, func(t *testing.T, name string) media.Derivatives { return openNamed(t, name).Derived() })
}

func TestShared(t *testing.T) {
	blobtest.Shared(t, func(t *testing.T, name string) (media.Shared, media.Blobs) {
		s := openNamed(t, name)
		return s.Staging(), s.Blobs()
	})
}
