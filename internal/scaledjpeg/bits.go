package scaledjpeg

import (
	"encoding/binary"
	"errors"
	"io"
)

// source reads bytes and, within a scan, bits.
type source struct {
	r    io.Reader
	buf  []byte
	at   int
	n    int
	err  error // of r, when all that came before it is read
	acc  uint64
	have int // bits in acc, from the top
	over int // zero bits that were made up behind the end of a scan

	marker byte // the marker that ended the scan; 0: none yet
}

func newSource(r io.Reader) *source { return &source{r: r, buf: make([]byte, 64<<10)} }

// more reads on; false at the end of what there is.
func (s *source) more() bool {
	if s.err != nil {
		return false
	}
	kept := copy(s.buf, s.buf[s.at:s.n])
	n, err := io.ReadAtLeast(s.r, s.buf[kept:], 1)
	s.at, s.n = 0, kept+n
	if err != nil {
		s.err = err
	}
	return n > 0
}

// octet returns the next byte.
func (s *source) octet() (byte, error) {
	if s.at >= s.n && !s.more() {
		return 0, s.failure()
	}
	b := s.buf[s.at]
	s.at++
	return b, nil
}

// failure is why there is no more.
func (s *source) failure() error {
	if errors.Is(s.err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return s.err
}

// segment reads what a marker's length says, up to room bytes, and passes over the rest.
func (s *source) segment(room []byte) ([]byte, error) {
	hi, err := s.octet()
	if err != nil {
		return nil, err
	}
	lo, err := s.octet()
	if err != nil {
		return nil, err
	}
	n := int(hi)<<8 | int(lo) - 2
	if n < 0 {
		return nil, errFormat("length of a segment")
	}
	kept := min(n, len(room))
	for i := range n {
		b, err := s.octet()
		if err != nil {
			return nil, err
		}
		if i < kept {
			room[i] = b
		}
	}
	return room[:kept], nil
}

// nextMarker finds the next marker, past whatever stands before it.
func (s *source) nextMarker() (byte, error) {
	if m := s.marker; m != 0 {
		s.marker = 0
		return m, nil
	}
	for {
		b, err := s.octet()
		if err != nil {
			return 0, err
		}
		for b == 0xff {
			if b, err = s.octet(); err != nil {
				return 0, err
			}
			if b != 0 && b != 0xff {
				return b, nil
			}
		}
	}
}

// begin starts the bits of a scan or of a restart interval.
func (s *source) begin() { s.acc, s.have, s.over = 0, 0, 0 }

// fill has at least 32 bits in acc; behind the end of the scan they are zeros.
func (s *source) fill() {
	if s.marker == 0 && s.n-s.at >= 8 {
		// Eight bytes at once, unless one of them is 0xff.
		w := binary.BigEndian.Uint64(s.buf[s.at:])
		if inv := ^w; (inv-0x0101010101010101)&^inv&0x8080808080808080 == 0 {
			take := (64 - s.have) >> 3
			s.acc |= w >> s.have
			s.have += take << 3
			if s.have < 64 {
				s.acc &= ^uint64(0) << (64 - s.have)
			}
			s.at += take
			return
		}
	}
	for s.have <= 56 {
		b := byte(0)
		if s.marker == 0 {
			if s.at >= s.n && !s.more() {
				s.marker = eoi
			} else if b = s.buf[s.at]; b == 0xff {
				b = s.stuffed()
			} else {
				s.at++
			}
		}
		if s.marker != 0 {
			s.over += 8
			b = 0
		}
		s.acc |= uint64(b) << (56 - s.have)
		s.have += 8
	}
}

// stuffed reads the byte 0xff of a scan, or the marker that ends it.
func (s *source) stuffed() byte {
	for s.n-s.at < 2 && s.more() {
	}
	if s.n-s.at < 2 {
		s.at, s.marker = s.n, eoi
		return 0
	}
	switch b := s.buf[s.at+1]; b {
	case 0:
		s.at += 2
		return 0xff
	case 0xff: // a fill byte
		s.at++
		return s.stuffed()
	default:
		s.at += 2
		s.marker = b
		return 0
	}
}

// ended reports whether more bits were taken than the scan has.
func (s *source) ended() bool { return s.over > s.have }

// drop forgets the n uppermost bits, of which there are as many.
func (s *source) drop(n int) {
	s.acc <<= n
	s.have -= n
}

// bits takes n bits, at most 16.
func (s *source) bits(n int) int32 {
	if s.have < n {
		s.fill()
	}
	v := int32(s.acc >> (64 - n)) //nolint:gosec // 16 bits at most
	s.drop(n)
	return v
}

// extended takes n bits as the signed number that they stand for (F.2.2.1).
func (s *source) extended(n int) int32 {
	if n == 0 {
		return 0
	}
	v := s.bits(n)
	if v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}

const quick = 10 // bits that are decoded by one look

// huffman is a table (annex C).
type huffman struct {
	look   [1 << quick]uint16 // symbol << 8 | length; 0: longer than quick, or none
	limit  [18]int32          // first code that is too long for the length, left-justified in 16 bits; -1: none of it
	offset [17]int32
	values [256]byte
	set    bool
}

// build reads counts of each length and the symbols.
func (h *huffman) build(counts, symbols []byte) error {
	*h = huffman{set: true}
	copy(h.values[:], symbols)
	code, k := int32(0), int32(0)
	for length := 1; length <= 16; length++ {
		n := int32(counts[length-1])
		h.offset[length] = k - code
		if length <= quick {
			for i := range n {
				first := (code + i) << (quick - length)
				for j := range int32(1) << (quick - length) {
					if at := first + j; at < 1<<quick {
						h.look[at] = uint16(h.values[k+i])<<8 | uint16(length) //nolint:gosec // at most 16
					}
				}
			}
		}
		code += n
		k += n
		if code > 1<<length {
			return errFormat("Huffman table with too many codes")
		}
		h.limit[length] = code << (16 - length)
		code <<= 1
	}
	h.limit[17] = 1 << 16
	return nil
}

// symbol takes the next code.
func (s *source) symbol(h *huffman) (byte, error) {
	if s.have < 16 {
		s.fill()
	}
	if e := h.look[s.acc>>(64-quick)]; e != 0 {
		s.drop(int(e & 0xff))
		return byte(e >> 8), nil
	}
	code := int32(s.acc >> 48)
	for length := quick + 1; length <= 16; length++ {
		if code < h.limit[length] {
			s.drop(length)
			return h.values[(code>>(16-length)+h.offset[length])&0xff], nil
		}
	}
	return 0, errFormat("no such Huffman code")
}
