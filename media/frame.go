package media

import (
	"bufio"
	"encoding/binary"
	"io"
)

// The bounds of decoding one photo. A decoder cannot be stopped by a deadline, only by its reader, so the work is
// bounded before it begins: by pixels, by memory, and for JPEG by scans, each of which passes over all pixels again. A
// camera writes 1 scan, or about 10 if progressive.
const (
	maxScans  = 100
	maxMemory = 400 << 20 // bytes
)

// frame is what the markers of a JPEG say of the work of decoding it (ITU-T T.81, annex B).
type frame struct {
	scans       int
	samples     int64 // of all components, after subsampling
	progressive bool
}

// memory is about how many bytes decoding needs: a progressive file keeps a coefficient of 4 bytes beside each sample.
func (f frame) memory() int64 {
	if f.progressive {
		return 5 * f.samples
	}
	return f.samples
}

// readFrame walks the markers as far as they can be followed. It stops counting when the answer is settled.
func readFrame(r io.Reader) (f frame) {
	b := bufio.NewReaderSize(r, 64<<10)
	for f.scans <= maxScans {
		c, err := b.ReadByte()
		if err != nil {
			return f
		}
		if c != 0xff { // entropy-coded data, or rubbish between segments, which decoders skip
			continue
		}
		for c == 0xff { // fill bytes
			if c, err = b.ReadByte(); err != nil {
				return f
			}
		}
		switch {
		case c == 0xd9: // EOI
			return f
		case c == 0 || c == 1 || c >= 0xd0 && c <= 0xd8: // stuffed byte, TEM, RSTn, SOI: no length follows
			continue
		}
		var length [2]byte
		if _, err := io.ReadFull(b, length[:]); err != nil {
			return f
		}
		n := int(binary.BigEndian.Uint16(length[:])) - 2
		if n < 0 {
			return f
		}
		switch {
		case c == 0xda: // SOS
			f.scans++
		case c >= 0xc0 && c <= 0xcf && c != 0xc4 && c != 0xc8 && c != 0xcc: // SOFn
			head, err := b.Peek(n)
			if err != nil {
				return f
			}
			f.progressive = f.progressive || c == 0xc2
			f.samples = max(f.samples, samples(head))
		}
		if _, err := b.Discard(n); err != nil {
			return f
		}
	}
	return f
}

// samples counts what a frame header declares: precision, lines, samples a line, and then three bytes a component.
func samples(head []byte) int64 {
	if len(head) < 6 {
		return 0
	}
	pixels := int64(binary.BigEndian.Uint16(head[1:])) * int64(binary.BigEndian.Uint16(head[3:]))
	var sum, across, down int64
	for c := head[6:]; len(c) >= 3; c = c[3:] {
		h, v := int64(c[1]>>4), int64(c[1]&15)
		sum += h * v
		across, down = max(across, h), max(down, v)
	}
	if across*down == 0 {
		return 0
	}
	return pixels * sum / (across * down)
}
