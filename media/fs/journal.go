package fs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"paicha/media"
)

// A journal tells of one upload, in lines that each begin with the CRC-32C of the rest: first what was declared, then
// the durable offset after each append, at last the hash that it became and when (milliseconds since 1970). A line is true when its sum is right; the
// first wrong one, torn by a crash, ends the reading. A file's own length proves nothing after a power cut: it may
// count bytes that were never written.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// declared is the first line.
type declared struct {
	Length int64  `json:"length"`
	Meta   []byte `json:"meta,omitempty"`
}

func line(content []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(content, castagnoli), content)
}

func headLine(d declared) ([]byte, error) {
	b, err := json.Marshal(d)
	return line(b), err
}

func offsetLine(offset int64) []byte { return line(strconv.AppendInt(nil, offset, 10)) }

func doneLine(h media.SHA256, at time.Time) []byte {
	return line(fmt.Appendf(nil, "%s %d", h, at.UnixMilli()))
}

// parseDone reads what doneLine wrote.
func parseDone(content string) (media.SHA256, time.Time, bool) {
	hash, millis, _ := strings.Cut(content, " ")
	h, err := media.ParseSHA256(hash)
	if err != nil {
		return media.SHA256{}, time.Time{}, false
	}
	at, err := strconv.ParseInt(millis, 10, 64)
	return h, time.UnixMilli(at).UTC(), err == nil
}

// journal is what a journal says: its good part ends at size.
type journal struct {
	declared
	offset int64
	done   media.SHA256 // zero: not committed
	at     time.Time    // of done
	size   int64
}

// parseJournal reads what a crash left; ok is false if not even the first line is whole.
func parseJournal(b []byte) (j journal, ok bool) {
	for first := true; ; first = false {
		end := bytes.IndexByte(b, '\n')
		if end < 9 {
			return j, !first
		}
		sum, err := strconv.ParseUint(string(b[:8]), 16, 32)
		content := b[9:end]
		if err != nil || b[8] != ' ' || uint32(sum) != crc32.Checksum(content, castagnoli) {
			return j, !first
		}
		if first {
			if err := json.Unmarshal(content, &j.declared); err != nil || j.Length < 0 {
				return j, false
			}
		} else if h, at, ok := parseDone(string(content)); ok {
			j.done, j.at = h, at
		} else if n, err := strconv.ParseInt(string(content), 10, 64); err == nil && n >= 0 && n <= j.Length {
			j.offset = n
		} else {
			return j, true
		}
		j.size += int64(end) + 1
		b = b[end+1:]
	}
}
