package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// segmentBytes is how many bytes of lines, before compression, make a segment: they are in memory of a serving process.
var segmentBytes = 8 << 20

// maxLine is more than the largest document takes, in base64 and escaped.
const maxLine = 128 << 20

// writeLines makes a compressed file of lines; fill is given what adds one.
func writeLines(dir, name string, fill func(add func([]byte) error) error) (File, error) {
	f := File{Name: name}
	err := place(filepath.Join(dir, name), func(w io.Writer) error {
		c := newCounting(w)
		z, err := zstd.NewWriter(c, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(true))
		if err != nil {
			return err
		}
		b := bufio.NewWriterSize(z, 64<<10)
		err = fill(func(text []byte) error {
			f.Lines++
			_, err := b.Write(text)
			return errors.Join(err, b.WriteByte('\n'))
		})
		err = errors.Join(err, b.Flush(), z.Close())
		f.Bytes, f.SHA256 = c.n, c.sum()
		return err
	})
	return f, err
}

// verifyFile reads a file of a backup and compares its length and hash: ErrDamaged, naming it.
func verifyFile(dir string, f File) error {
	r, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return damaged(f.Name, err)
	}
	h := sha256.New()
	n, err := io.Copy(h, r)
	err = errors.Join(err, r.Close())
	if got := hex.EncodeToString(h.Sum(nil)); err == nil && (n != f.Bytes || got != f.SHA256) {
		err = fmt.Errorf("%d bytes with SHA-256 %s, want %d with %s", n, got, f.Bytes, f.SHA256)
	}
	if err != nil {
		return damaged(f.Name, err)
	}
	return nil
}

// readLines gives the lines of a file that was verified; see must not keep them.
func readLines(dir string, f File, see func([]byte) error) error {
	r, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return damaged(f.Name, err)
	}
	defer func() { _ = r.Close() }() // only read
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return damaged(f.Name, err)
	}
	defer z.Close()
	lines := bufio.NewScanner(z)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	lines.Split(wholeLines)
	n := 0
	for ; lines.Scan(); n++ {
		if err := see(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return damaged(f.Name, err)
	}
	if n != f.Lines {
		return damaged(f.Name, fmt.Errorf("%d lines, want %d", n, f.Lines))
	}
	return nil
}

// wholeLines splits at line feeds and at nothing else; a line that is cut is an error.
func wholeLines(data []byte, end bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if end && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}
