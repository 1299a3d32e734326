package httpapi

import (
	"crypto/sha256"
	"slices"

	fieldsync "paicha/sync"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/zstd"
)

// The sizes between which an answer is compressed against a document that the client has, in bytes: one record, or some.
// What is shorter has nothing in it but a cursor, what is longer has the likeness within itself.
const (
	leastLike = 2 << 10
	mostLike  = 128 << 10
)

// dczMagic begins a dictionary-compressed body: a frame that decoders skip, of the dictionary's SHA-256 (RFC 9842, 5).
var dczMagic = []byte{0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0}

// likeness is the body that an answer is to be compressed against; nil if it is not to be.
func (a *api) likeness(c *fiber.Ctx, l fieldsync.Like, answer []byte) ([]byte, error) {
	if len(answer) < leastLike || len(answer) > mostLike || acceptable(c.Get(fiber.HeaderAcceptEncoding)) != "zstd" {
		return nil, nil
	}
	like, err := a.Sync.Likeness(c.UserContext(), sessionOf(c), l)
	if len(like) > mostLike {
		return nil, err
	}
	return like, err
}

// dcz compresses against a dictionary. The encoder is made for the one answer: at this level it takes less than a
// millisecond and some hundred kilobytes.
func dcz(b, like []byte) ([]byte, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(mostLike), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderDictRaw(0, like))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(like)
	return z.EncodeAll(b, slices.Concat(dczMagic, sum[:])), nil
}
