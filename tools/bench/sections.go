package main

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// alone says of a section that was measured by itself when that was.
func (t *table) alone() string {
	return fmt.Sprintf("\nMeasured by itself on %s; load average %s.\n", time.Now().UTC().Format(time.DateOnly), t.load[0])
}

// replaceSections puts the sections (## …) of a partial run in the place of those of the same title in the document, or
// before its figures of memory and its remarks if they are new. Everything else of the document stays: also those two, which
// belong to a whole run.
func replaceSections(old, partial []byte, alone string) []byte {
	parts := sections(old)
	for _, s := range sections(partial)[1:] {
		if kept(s) {
			continue
		}
		s = slices.Concat(bytes.TrimRight(s, "\n"), []byte("\n"), []byte(alone), []byte("\n"))
		at := len(parts)
		for i, p := range parts {
			if i > 0 && bytes.Equal(title(p), title(s)) {
				at = i
				break
			}
			if kept(p) && at == len(parts) {
				at = i
			}
		}
		if at < len(parts) && bytes.Equal(title(parts[at]), title(s)) {
			parts[at] = s
			continue
		}
		parts = slices.Insert(parts, at, s)
	}
	return bytes.Join(parts, nil)
}

func kept(section []byte) bool {
	return bytes.HasPrefix(section, []byte("## Most memory")) || bytes.HasPrefix(section, []byte("## Remarks"))
}

// title is the first line of a section.
func title(section []byte) []byte {
	line, _, _ := bytes.Cut(section, []byte("\n"))
	return line
}

// sections cuts a document before each "## "; the first part is what stands before any.
func sections(doc []byte) [][]byte {
	var out [][]byte
	for {
		at := bytes.Index(doc, []byte("\n## "))
		if at < 0 {
			return append(out, doc)
		}
		out = append(out, doc[:at+1])
		doc = doc[at+1:]
	}
}
