package media

import (
	"context"
	"io"
)

// SizeName names one of the pictures that are made from a photo.
type SizeName string

// The sizes. Both are JPEG, upright, without EXIF, never larger than the photo itself.
const (
	Thumb   SizeName = "thumb"   // fits 320 × 320 pixels
	Preview SizeName = "preview" // fits 1280 × 1280 pixels
)

// SizeNames returns all sizes.
func SizeNames() []SizeName { return []SizeName{Thumb, Preview} }

// Valid reports whether n is one of SizeNames.
func (n SizeName) Valid() bool { return n == Thumb || n == Preview }

// Derivatives keeps what was made from photos, under the hash of the photo. Losing one costs making it again, so it
// is neither evidence nor backed up. blobtest.Derivatives is its definition by test. Every method returns ctx's error
// when ctx has ended before; a failure of the medium is ErrStorage. A size that is none of SizeNames is ErrNotFound.
type Derivatives interface {
	// PutDerived stores a whole picture, replacing an older one. A reader sees the old or the new one, never a part.
	PutDerived(ctx context.Context, h SHA256, size SizeName, jpeg []byte) error

	// OpenDerived returns the picture and its bytes' number, or ErrNotFound. The caller closes.
	OpenDerived(ctx context.Context, h SHA256, size SizeName) (io.ReadSeekCloser, int64, error)

	// DeleteDerived removes all sizes. Removing what is missing is no error.
	DeleteDerived(ctx context.Context, h SHA256) error
}
