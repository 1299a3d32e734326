package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// The records at the end of an archive (APPNOTE 6.3.10, 4.3.14 to 4.3.16).
const (
	endSize       = 22
	endCount      = 10 // where the number of files stands
	locatorSize   = 20
	end64Size     = 56
	end64Count    = 32
	maxEndComment = 1<<16 - 1
)

var (
	endMark     = []byte("PK\x05\x06")
	locatorMark = []byte("PK\x06\x07")
	end64Mark   = []byte("PK\x06\x06")
)

// errDirectory is what has no end record.
var errDirectory = errors.New("no end of a directory")

// announced returns how many files an archive says it has: archive/zip makes room for them before it has seen one.
func announced(r io.ReaderAt, size int64) (uint64, error) {
	n := min(size, endSize+maxEndComment)
	tail := make([]byte, n)
	if _, err := r.ReadAt(tail, size-n); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	at := bytes.LastIndex(tail, endMark)
	if at < 0 || len(tail)-at < endSize {
		return 0, errDirectory
	}
	count := uint64(binary.LittleEndian.Uint16(tail[at+endCount:]))
	where := size - n + int64(at) - locatorSize
	if where < 0 {
		return count, nil
	}
	locator := make([]byte, locatorSize)
	if _, err := r.ReadAt(locator, where); err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(locator, locatorMark) {
		return count, nil
	}
	where = int64(binary.LittleEndian.Uint64(locator[8:])) //nolint:gosec // a negative place is refused below
	if where < 0 || where > size-end64Size {
		return 0, errDirectory
	}
	end64 := make([]byte, end64Size)
	if _, err := r.ReadAt(end64, where); err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(end64, end64Mark) {
		return 0, errDirectory
	}
	return max(count, binary.LittleEndian.Uint64(end64[end64Count:])), nil
}
