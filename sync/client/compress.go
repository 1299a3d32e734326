package client

import (
	"bytes"
	"compress/gzip"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// compressOver is the size from which a request body is compressed, in bytes.
const compressOver = 1024

// The encodings of a request body, the best first. A server that takes none of them gets the plain bytes.
var encodings = []string{"zstd", "gzip", ""}

// dialect is how far down the encodings the server has made us go. It is not kept: a new server may take more.
type dialect struct{ at atomic.Int32 }

// encode compresses a body if that is worth it, and names the encoding.
func (d *dialect) encode(body []byte) ([]byte, string, error) {
	if len(body) <= compressOver {
		return body, "", nil
	}
	switch name := encodings[d.at.Load()]; name {
	case "zstd":
		return zstdEncoder().EncodeAll(body, make([]byte, 0, len(body)/4)), name, nil
	case "gzip":
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(body)
		err = errors.Join(err, z.Close())
		return b.Bytes(), name, err
	}
	return body, "", nil
}

// refused takes the server's word that it does not understand an encoding, and reports whether there is another one to
// try. A 415 without our code may come from something on the way; that counts as well.
func (d *dialect) refused(encoding string, err error) bool {
	var r *Refusal
	if encoding == "" || !errors.As(err, &r) || r.Status != 415 || r.Code != "" && r.Code != "httpapi.encoding" {
		return false
	}
	for i, name := range encodings {
		if name == encoding {
			d.at.CompareAndSwap(int32(i), int32(i+1)) //nolint:gosec // of three
		}
	}
	return true
}

// zstdEncoder is shared: its EncodeAll may be called concurrently. The window stays within what a server takes (RFC 8878
// advises 8 MiB for what travels on the net).
var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(4<<20), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("client: zstd options: " + err.Error()) // constants: cannot fail
	}
	return e
})
