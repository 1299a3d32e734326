package media

import (
	"encoding/hex"
	"fmt"
	"image"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/disintegration/imaging"
)

// Print is a perceptual hash of 64 bits: pictures that look alike have prints that differ in few bits, whatever their
// size, quality or format. It is the DCT hash (pHash): the 8 × 8 lowest frequencies but the constant rows, each above or
// below their median, of the upright picture at 32 × 32 grey pixels. It says how much two pictures look alike, never
// that one was made of the other.
type Print uint64

// Alike is how many bits the prints of one scene differ in at most to be told as such. A copy that was scaled,
// compressed again, or had its EXIF removed differs by 0 to 6; docs/adr/0050 has the figures.
const Alike = 6

const (
	printSide = 32 // pixels
	printLow  = 8  // frequencies a side
	// flat is the sum of the frequencies' amounts, in grey levels, below which there is nothing to compare: a cap on the
	// lens, a white wall. The bits would be noise, and every dark photo a copy of every other.
	flat = 200.0
)

// Distance is the number of bits in which two prints differ.
func (p Print) Distance(q Print) int { return bits.OnesCount64(uint64(p ^ q)) }

// String returns 16 lower-case hexadecimal digits.
func (p Print) String() string { return fmt.Sprintf("%016x", uint64(p)) }

// MarshalText writes the form of String.
func (p Print) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the form of String.
func (p *Print) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != 8 {
		return ErrEvidence.Because(fmt.Errorf("print %q", text))
	}
	*p = 0
	for _, c := range b {
		*p = *p<<8 | Print(c)
	}
	return nil
}

// bands are the four quarters of a print. Two prints that differ in at most 7 bits have one quarter that differs in at
// most one.
func (p Print) bands() [4]uint16 {
	return [4]uint16{uint16(p >> 48), uint16(p >> 32), uint16(p >> 16), uint16(p)}
}

// cosines has cos(π/32 · (x + ½) · u) for the frequencies 1 to 8.
var cosines = sync.OnceValue(func() *[printLow][printSide]float64 {
	var c [printLow][printSide]float64
	for u := range printLow {
		for x := range printSide {
			c[u][x] = math.Cos(math.Pi / printSide * (float64(x) + 0.5) * float64(u+1))
		}
	}
	return &c
})

// PrintOf returns the print of an upright picture; false if the picture is too flat to have one.
func PrintOf(img image.Image) (Print, bool) {
	small := imaging.Resize(img, printSide, printSide, imaging.Box)
	var grey [printSide][printSide]float64
	for y := range printSide {
		for x := range printSide {
			c := small.Pix[y*small.Stride+4*x:]
			grey[y][x] = 0.299*float64(c[0]) + 0.587*float64(c[1]) + 0.114*float64(c[2]) // ITU-R BT.601
		}
	}
	cos := cosines()
	var rows [printSide][printLow]float64
	for y := range printSide {
		for u := range printLow {
			for x, g := range grey[y] {
				rows[y][u] += g * cos[u][x]
			}
		}
	}
	all := make([]float64, 0, printLow*printLow)
	sum := 0.0
	for v := range printLow {
		for u := range printLow {
			f := 0.0
			for y := range printSide {
				f += rows[y][u] * cos[v][y]
			}
			f /= printSide * printSide / 4
			all, sum = append(all, f), sum+math.Abs(f)
		}
	}
	if sum < flat/4 {
		return 0, false
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	median := (sorted[31] + sorted[32]) / 2
	var p Print
	for _, f := range all {
		p <<= 1
		if f > median {
			p |= 1
		}
	}
	return p, true
}
