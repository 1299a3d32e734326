package media_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the files of the corpus are made of.

type maker = func(testing.TB) []byte

func plain(s string) maker { return func(testing.TB) []byte { return []byte(s) } }

func then(m maker, tail string) maker {
	return func(t testing.TB) []byte { return append(m(t), tail...) }
}

// cut keeps the first percent of a file.
func cut(m maker, percent int) maker {
	return func(t testing.TB) []byte { b := m(t); return b[:len(b)*percent/100] }
}

func standard(name string) maker {
	return func(t testing.TB) []byte { return sample(t, name) }
}

// fromTools is a file of the corpus that was made with other tools.
func fromTools(name string) maker {
	return func(t testing.TB) []byte {
		b, err := os.ReadFile(filepath.Join(corpusDir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func flagJPEG(t testing.TB) []byte { return stored(t, 96, 64, 1) }

func flagPNG(t testing.TB) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 96, 64))
	for y := range 64 {
		for x := range 96 {
			img.SetRGBA(x, y, flag(96, 64, x, y))
		}
	}
	return pngOf(t, img)
}

func deepPNG(t testing.TB) []byte {
	img := image.NewNRGBA64(image.Rect(0, 0, 60, 40))
	for y := range 40 {
		for x := range 60 {
			img.SetNRGBA64(x, y, color.NRGBA64{R: uint16(x * 1000), G: uint16(y * 1000), B: 0x1234, A: uint16(x * 1092)})
		}
	}
	return pngOf(t, img)
}

func animatedPNG(t testing.TB) []byte {
	still := flagPNG(t)
	const head = 8 + 25 // signature and IHDR
	b := append([]byte{}, still[:head]...)
	b = append(b, chunk("acTL", []byte{0, 0, 0, 2, 0, 0, 0, 0})...)
	return append(b, still[head:]...)
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// wide is 6,000 × 6,000 white pixels in 5 KB: a thousandfold, and within the bound.
func wide(t testing.TB) []byte {
	head := binary.BigEndian.AppendUint32(nil, 6000)
	head = append(binary.BigEndian.AppendUint32(head, 6000), 1, 0, 0, 0, 0)
	line := append([]byte{0}, bytes.Repeat([]byte{0xff}, 750)...)
	b := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", head)...)
	b = append(b, chunk("IDAT", zipped(t, bytes.Repeat(line, 6000)))...)
	return append(b, chunk("IEND", nil)...)
}

// inflating has text in a PNG that inflates to 64 MB, once as Latin and once as the XMP that readers look for.
func inflating(t testing.TB) []byte {
	still := flagPNG(t)
	const head = 8 + 25
	text := zipped(t, make([]byte, 64<<20))
	b := append([]byte{}, still[:head]...)
	b = append(b, chunk("zTXt", append([]byte("Comment\x00\x00"), text...))...)
	b = append(b, chunk("zTXt", append([]byte("Raw profile type exif\x00\x00"), text...))...)
	b = append(b, chunk("iTXt", append([]byte("XML:com.adobe.xmp\x00\x01\x00\x00\x00"), text...))...)
	return append(b, still[head:]...)
}

// laughs has an XMP packet whose entities double ten times over.
func laughs(t testing.TB) []byte {
	var x strings.Builder
	x.WriteString(`<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">`)
	for i := 1; i <= 30; i++ {
		x.WriteString(`<!ENTITY a` + string(rune('A'+i)) + ` "&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;">`)
	}
	x.WriteString(`]><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/">`)
	x.WriteString(`<xmp:CreatorTool>&aC;&aD;&aE;</xmp:CreatorTool></rdf:Description></rdf:RDF></x:xmpmeta>`)
	return app1(picture(t, 32, 32), "http://ns.adobe.com/xap/1.0/\x00"+x.String())
}

// app1 puts a segment behind the start of a JPEG.
func app1(photo []byte, body string) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2)) //nolint:gosec // small
	b := append([]byte{}, photo[:2]...)
	b = append(append(b, segment...), body...)
	return append(b, photo[2:]...)
}

// coefficients declares 6,000 × 6,000 pixels without subsampling, progressively: 540 MB of coefficients.
func coefficients(t testing.TB) []byte {
	b := append([]byte{}, sample(t, "video-001.q50.444.progressive.jpeg")...)
	copy(b[bytes.Index(b, []byte{0xff, 0xc2})+5:], []byte{0x17, 0x70, 0x17, 0x70})
	return b
}

func noPixels(t testing.TB) []byte {
	b := picture(t, 16, 16)
	copy(b[bytes.Index(b, []byte{0xff, 0xc0})+5:], []byte{0, 0, 0, 0})
	return b
}

func pdfWith(t testing.TB) []byte {
	b := []byte("%PDF-1.4\n1 0 obj<</Length 1>>stream\n")
	return append(append(b, flagPNG(t)...), "\nendstream endobj\n2 0 obj<</S/JavaScript/JS(app.alert(1))>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"...)
}

// box is one of ISO/IEC 14496-12.
func box(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)) //nolint:gosec // small
	return append(append(b, kind...), body...)
}

// clip is an MP4 of 7.5 seconds, made on 1 June 2023 at 00:30 UTC, whose data nobody can play.
func clip(testing.TB) []byte {
	be := binary.BigEndian
	header := be.AppendUint32(nil, 0)
	header = be.AppendUint32(header, 3_768_424_200) // seconds since 1904
	header = be.AppendUint32(header, 3_768_424_200)
	header = be.AppendUint32(header, 600)
	header = be.AppendUint32(header, 4500)
	header = append(header, make([]byte, 80)...)
	return bytes.Join([][]byte{
		box("ftyp", []byte("mp42\x00\x00\x00\x00mp42isom")), box("moov", box("mvhd", header)), box("mdat", make([]byte, 200)),
	}, nil)
}

// itemLocations has a table of 65,535 items in a file of 100 bytes.
func itemLocations(testing.TB) []byte {
	iloc := box("iloc", []byte{0, 0, 0, 0, 0x44, 0x40, 0xff, 0xff}, bytes.Repeat([]byte{0xff}, 40))
	iinf := box("iinf", []byte{0, 0, 0, 0, 0xff, 0xff}, box("infe", []byte("\x02\x00\x00\x00\x00\x01\x00\x00Exif\x00")))
	return bytes.Join([][]byte{
		box("ftyp", []byte("heic\x00\x00\x00\x00mif1heic")), box("meta", []byte{0, 0, 0, 0}, iloc, iinf),
	}, nil)
}

// hostile puts a TIFF structure into a JPEG.
func hostile(tiff func() []byte) maker {
	return func(t testing.TB) []byte { return app1(picture(t, 32, 32), "Exif\x00\x00"+string(tiff())) }
}

// entry is a field of TIFF 6.0 in little-endian order.
type entry struct {
	tag, kind uint16
	count     uint32
	value     uint32
}

// directory is an image file directory that begins at 8.
func directory(next uint32, es ...entry) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("II*\x00"), 8)
	return ifd(b, next, es...)
}

func ifd(b []byte, next uint32, es ...entry) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, uint16(len(es))) //nolint:gosec // small
	for _, e := range es {
		b = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(b, e.tag), e.kind), e.count), e.value)
	}
	return le.AppendUint32(b, next)
}

const (
	ascii, long, rational                                  = 2, 4, 5
	tagMake, tagTime, tagExif, tagGPS, tagOriginal, tagLat = 0x010f, 0x0132, 0x8769, 0x8825, 0x9003, 2
)

func ifdLoop() []byte {
	b := directory(8, entry{tagTime, ascii, 20, 8 + 2 + 12 + 4})
	return append(b, "2023:06:01 08:30:00\x00"...)
}

func subLoop() []byte { return directory(0, entry{tagExif, long, 1, 8}, entry{tagGPS, long, 1, 8}) }

func mutualLoop() []byte {
	b := directory(8+2+12+4, entry{tagExif, long, 1, 8 + 2 + 12 + 4})
	return ifd(b, 8, entry{tagExif, long, 1, 8})
}

func manyEntries() []byte {
	b := binary.LittleEndian.AppendUint32([]byte("II*\x00"), 8)
	b = append(b, 0xff, 0xff)
	return append(b, bytes.Repeat([]byte{0x0f, 0x01, 2, 0, 0xff, 0xff, 0, 0, 8, 0, 0, 0}, 2000)...)
}

func hugeCount() []byte { return directory(0, entry{tagMake, ascii, 0xffffffff, 8}) }

func pastEnd() []byte { return directory(0xfffffff0, entry{tagMake, ascii, 4000, 0xffffff00}) }

func overflowing() []byte { return directory(0, entry{tagMake, rational, 0x20000001, 8}) }

func zeroDivisor() []byte {
	b := directory(0, entry{tagGPS, long, 1, 8 + 2 + 12 + 4})
	b = ifd(b, 0, entry{1, ascii, 2, 'N'}, entry{tagLat, rational, 3, 200}, entry{3, ascii, 2, 'E'}, entry{4, rational, 3, 200})
	return append(b, make([]byte, 300)...)
}

func timed(s string) []byte {
	b := directory(0, entry{tagExif, long, 1, 8 + 2 + 12 + 4})
	b = ifd(b, 0, entry{tagOriginal, ascii, 20, 8 + 2 + 12 + 4 + 2 + 12 + 4})
	return append(b, s...)
}
