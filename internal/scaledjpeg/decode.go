package scaledjpeg

import (
	"errors"
	"fmt"
	"image"
	"io"
)

// ErrUnsupported says that a file is beyond this package; it may be sound.
var ErrUnsupported = errors.New("scaledjpeg: unsupported")

type errFormat string

func (e errFormat) Error() string { return "scaledjpeg: " + string(e) }

// The markers (table B.1).
const (
	sof0 = 0xc0
	sof1 = 0xc1
	sof2 = 0xc2
	dht  = 0xc4
	rst0 = 0xd0
	rst7 = 0xd7
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
	dqt  = 0xdb
	dri  = 0xdd
	app0 = 0xe0
	appe = 0xee
)

// maxScans bounds a hostile file; a camera writes about ten.
const maxScans = 100

// component is one of the planes.
type component struct {
	id         byte
	h, v       int // sampling
	quant      int
	wide, high int     // blocks that scans of this component alone have
	across     int     // blocks a row of the plane, padded
	down       int     // rows of blocks
	plane      []byte  // the scaled samples, across·side wide
	coeffs     []int16 // of a progressive file, 64 a block in zigzag order
	dc         *huffman
	ac         *huffman
	last       int32 // DC of the block before
}

type decoder struct {
	src         *source
	denom, side int // the scale, and samples a block a side that are left
	width, high int
	progressive bool
	comps       []component
	hMax, vMax  int
	quant       [4][64]int32 // in zigzag order
	dcTables    [4]huffman
	acTables    [4]huffman
	restart     int
	eobRun      int32
	adobe       int // transform of the Adobe segment; -1: none
	scans       int
}

// Decode reads a JPEG at 1/denom of its size, rounded up; denom is 2, 4 or 8. It returns an *image.YCbCr or
// *image.Gray. Of a file that ends early, the rest is grey; one that has no picture at all is io.ErrUnexpectedEOF, and an
// error of r that is not its end is returned as it is.
func Decode(r io.Reader, denom int) (image.Image, error) {
	if denom != 2 && denom != 4 && denom != 8 {
		return nil, fmt.Errorf("scaledjpeg: scale of 1/%d", denom)
	}
	d := &decoder{src: newSource(r), denom: denom, side: 8 / denom, adobe: -1}
	err := d.read()
	if d.src.err != nil && !errors.Is(d.src.err, io.EOF) {
		return nil, d.src.err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && d.scans > 0 {
		err = nil // what is there is shown
	}
	if err != nil {
		return nil, err
	}
	return d.picture()
}

// read follows the markers to the end.
func (d *decoder) read() error {
	a, err := d.src.octet()
	if err != nil {
		return err
	}
	if b, err := d.src.octet(); err != nil || a != 0xff || b != soi {
		return errors.Join(errFormat("no start"), err)
	}
	room := make([]byte, 1<<16)
	for {
		m, err := d.src.nextMarker()
		if err != nil {
			return err
		}
		if m == eoi {
			if d.scans == 0 {
				return errFormat("no picture")
			}
			return nil
		}
		if m >= rst0 && m <= rst7 || m == soi || m == 1 {
			continue
		}
		b, err := d.src.segment(room)
		if err != nil {
			return err
		}
		switch {
		case m == sof0 || m == sof1 || m == sof2:
			err = d.frame(b, m == sof2)
		case m == dht:
			err = d.huffmanTables(b)
		case m == dqt:
			err = d.quantTables(b)
		case m == dri && len(b) >= 2:
			d.restart = int(b[0])<<8 | int(b[1])
		case m == appe && len(b) >= 12 && string(b[:5]) == "Adobe":
			d.adobe = int(b[11])
		case m == sos:
			if d.scans++; d.scans > maxScans {
				return errFormat("too many scans")
			}
			err = d.scan(b)
		case m > sof2 && m < app0 && m != 0xcc && m != 0xdc:
			err = ErrUnsupported
		}
		if err != nil {
			return err
		}
	}
}

func (d *decoder) quantTables(b []byte) error {
	for len(b) > 0 {
		wide, to := int(b[0]>>4), b[0]&15
		b = b[1:]
		if to > 3 || wide > 1 || len(b) < 64<<wide {
			return errFormat("quantization table")
		}
		for i := range 64 {
			if wide == 0 {
				d.quant[to][i] = int32(b[i])
			} else {
				d.quant[to][i] = int32(b[2*i])<<8 | int32(b[2*i+1])
			}
		}
		b = b[64<<wide:]
	}
	return nil
}

func (d *decoder) huffmanTables(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 || b[0]&15 > 3 || b[0]>>4 > 1 {
			return errFormat("Huffman table")
		}
		n := 0
		for _, c := range b[1:17] {
			n += int(c)
		}
		if n > 256 || len(b) < 17+n {
			return errFormat("Huffman table")
		}
		t := &d.dcTables[b[0]&15]
		if b[0]>>4 == 1 {
			t = &d.acTables[b[0]&15]
		}
		if err := t.build(b[1:17], b[17:17+n]); err != nil {
			return err
		}
		b = b[17+n:]
	}
	return nil
}

// frame reads the frame header and allocates the planes.
func (d *decoder) frame(b []byte, progressive bool) error {
	if d.comps != nil {
		return errFormat("two frames")
	}
	if len(b) < 6 || len(b) < 6+3*int(b[5]) {
		return errFormat("frame header")
	}
	d.high, d.width, d.progressive = int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4]), progressive
	n := int(b[5])
	if b[0] != 8 || d.high == 0 || d.width == 0 || n != 1 && n != 3 {
		return ErrUnsupported
	}
	comps := make([]component, n)
	for i := range comps {
		c := &comps[i]
		f := b[6+3*i:]
		c.id, c.h, c.v, c.quant = f[0], int(f[1]>>4), int(f[1]&15), int(f[2])
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quant > 3 {
			return errFormat("component")
		}
		d.hMax, d.vMax = max(d.hMax, c.h), max(d.vMax, c.v)
	}
	if n == 1 { // whatever it says, its blocks stand one by one
		comps[0].h, comps[0].v, d.hMax, d.vMax = 1, 1, 1, 1
	}
	if n == 3 {
		if _, ok := d.ratio(comps); !ok {
			return ErrUnsupported
		}
	}
	mcuWide, mcuHigh := ceil(d.width, 8*d.hMax), ceil(d.high, 8*d.vMax)
	for i := range comps {
		c := &comps[i]
		c.wide, c.high = ceil(ceil(d.width*c.h, d.hMax), 8), ceil(ceil(d.high*c.v, d.vMax), 8)
		c.across, c.down = mcuWide*c.h, mcuHigh*c.v
		c.plane = make([]byte, c.across*c.down*d.side*d.side)
		for j := range c.plane {
			c.plane[j] = 128
		}
		if progressive {
			c.coeffs = make([]int16, c.across*c.down*64)
		}
	}
	d.comps = comps
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

// ratio is how the planes lie to each other; false if image.YCbCr has no name for it.
func (d *decoder) ratio(c []component) (image.YCbCrSubsampleRatio, bool) {
	if c[0].h != d.hMax || c[0].v != d.vMax || c[1].h != c[2].h || c[1].v != c[2].v || d.hMax%c[1].h != 0 || d.vMax%c[1].v != 0 {
		return 0, false
	}
	switch [2]int{d.hMax / c[1].h, d.vMax / c[1].v} {
	case [2]int{1, 1}:
		return image.YCbCrSubsampleRatio444, true
	case [2]int{1, 2}:
		return image.YCbCrSubsampleRatio440, true
	case [2]int{2, 1}:
		return image.YCbCrSubsampleRatio422, true
	case [2]int{2, 2}:
		return image.YCbCrSubsampleRatio420, true
	case [2]int{4, 1}:
		return image.YCbCrSubsampleRatio411, true
	case [2]int{4, 2}:
		return image.YCbCrSubsampleRatio410, true
	}
	return 0, false
}

// picture puts the planes together.
func (d *decoder) picture() (image.Image, error) {
	if d.comps == nil {
		return nil, errFormat("no frame")
	}
	if d.progressive {
		for i := range d.comps {
			d.transformAll(&d.comps[i])
		}
	}
	bounds := image.Rect(0, 0, ceil(d.width, d.denom), ceil(d.high, d.denom))
	c := d.comps
	if len(c) == 1 {
		return &image.Gray{Pix: c[0].plane, Stride: c[0].across * d.side, Rect: bounds}, nil
	}
	if d.adobe == 0 || d.adobe < 0 && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B' {
		return nil, ErrUnsupported // RGB
	}
	ratio, _ := d.ratio(c)
	return &image.YCbCr{
		Y: c[0].plane, Cb: c[1].plane, Cr: c[2].plane, YStride: c[0].across * d.side, CStride: c[1].across * d.side,
		SubsampleRatio: ratio, Rect: bounds,
	}, nil
}
