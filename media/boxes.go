package media

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"
)

// The brands (ISO/IEC 14496-12, 4.3) of the files that are taken. A file is what its major brand says; a generic HEIF
// brand says only that it is a picture, and one of its compatible brands has to say that HEVC is how.
var (
	heicBrands = []string{"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"}
	heifBrands = []string{"mif1", "mif2", "msf1", "miaf"}
	mp4Brands  = []string{
		"isom", "iso2", "iso3", "iso4", "iso5", "iso6", "iso7", "iso8", "iso9", "mp41", "mp42", "avc1", "M4V ", "M4VH", "M4VP", "MSNV", "dash", "hvc1",
	}
)

// sniffBoxes tells a HEIC picture and an MP4 video by their brands; false for any other file.
func sniffBoxes(head []byte) (Type, bool) {
	if len(head) < 16 || string(head[4:8]) != "ftyp" {
		return "", false
	}
	size := int(binary.BigEndian.Uint32(head))
	if size < 16 || size > len(head) || size%4 != 0 {
		return "", false
	}
	major := string(head[8:12])
	var brands []string
	for at := 16; at+4 <= size; at += 4 {
		brands = append(brands, string(head[at:at+4]))
	}
	switch {
	case slices.Contains(heicBrands, major):
		return HEIC, true
	case slices.Contains(heifBrands, major) && slices.ContainsFunc(brands, func(b string) bool { return slices.Contains(heicBrands, b) }):
		return HEIC, true
	case slices.Contains(mp4Brands, major):
		return MP4, true
	}
	return "", false
}

// maxBoxes bounds how many boxes of one level are walked: a camera writes a handful, fragments some hundred.
const maxBoxes = 4096

var errBoxes = errors.New("a box ends outside its file")

// walk calls f with each box between two offsets of r, until f returns false. errBoxes if one does not fit.
func walk(r io.ReaderAt, from, to int64, f func(kind string, from, to int64) bool) error {
	for range maxBoxes {
		if from == to {
			return nil
		}
		var head [16]byte
		if to-from < 8 {
			return errBoxes
		}
		if _, err := r.ReadAt(head[:8], from); err != nil {
			return err
		}
		size, body := int64(binary.BigEndian.Uint32(head[:])), int64(8)
		switch size {
		case 0: // to the end
			size = to - from
		case 1:
			if to-from < 16 {
				return errBoxes
			}
			if _, err := r.ReadAt(head[8:], from+8); err != nil {
				return err
			}
			long := binary.BigEndian.Uint64(head[8:])
			if long > uint64(to-from) {
				return errBoxes
			}
			size, body = int64(long), 16 //nolint:gosec // not more than the file
		}
		if size < body || size > to-from {
			return errBoxes
		}
		if !f(string(head[4:8]), from+body, from+size) {
			return nil
		}
		from += size
	}
	return nil
}

// video is what the header of an MP4 says.
type video struct {
	length  time.Duration // 0: not said
	created time.Time     // zero: not said
}

// epoch1904 is where the times of ISO/IEC 14496-12 begin.
var epoch1904 = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)

// readVideo reads the movie header; whole is false if the boxes do not fill the file or the header is missing.
func readVideo(r io.ReaderAt, size int64) (v video, whole bool) {
	found := false
	err := walk(r, 0, size, func(kind string, from, to int64) bool {
		if kind == "moov" && !found {
			_ = walk(r, from, to, func(kind string, from, to int64) bool { // a torn header says nothing
				if kind == "mvhd" {
					v, found = movieHeader(r, from, to)
				}
				return kind != "mvhd"
			})
		}
		return true
	})
	return v, err == nil && found
}

// movieHeader reads a mvhd box, version 0 or 1.
func movieHeader(r io.ReaderAt, from, to int64) (video, bool) {
	b := make([]byte, min(to-from, 32))
	if _, err := r.ReadAt(b, from); err != nil || len(b) < 20 {
		return video{}, false
	}
	var created, length uint64
	var scale uint32
	if b[0] == 1 {
		if len(b) < 32 {
			return video{}, false
		}
		created, scale, length = binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint32(b[20:]), binary.BigEndian.Uint64(b[24:])
	} else {
		created, scale, length = uint64(binary.BigEndian.Uint32(b[4:])), binary.BigEndian.Uint32(b[12:]), uint64(binary.BigEndian.Uint32(b[16:]))
	}
	var v video
	if seconds := length / uint64(max(scale, 1)); scale > 0 && seconds < 1<<31 {
		v.length = time.Duration(seconds)*time.Second + time.Duration(length%uint64(scale))*time.Second/time.Duration(scale)
	}
	if created > 0 && created < 1<<36 {
		if at := time.Unix(epoch1904.Unix()+int64(created), 0).UTC(); sane(at) { //nolint:gosec // below 1<<36
			v.created = at
		}
	}
	return v, true
}

// boxesWhole reports whether the boxes of a HEIC file fill it and say where its picture is.
func boxesWhole(r io.ReaderAt, size int64) bool {
	meta, data := false, false
	err := walk(r, 0, size, func(kind string, _, _ int64) bool {
		meta, data = meta || kind == "meta", data || kind == "mdat"
		return true
	})
	return err == nil && meta && data
}

// seekerAt reads at offsets by seeking: one reader at a time.
type seekerAt struct{ io.ReadSeeker }

func (s seekerAt) ReadAt(p []byte, at int64) (int, error) {
	if _, err := s.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	return io.ReadFull(s, p)
}
