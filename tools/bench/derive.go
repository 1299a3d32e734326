package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// derived is what thumbnail and preview of one photo of 12 megapixels cost on one processor.
type derived struct {
	with               string
	ms, mb, residentMB float64 // 0: not told
}

// derive runs the package's own benchmark on one processor, vipsthumbnail on one thread beside it where it is installed.
func (p *plan) derive(t *table) error {
	note("derive")
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkPictures$", "-benchmem", "-cpu", "1", "-benchtime", "10x", "./media")
	cmd.Env = append(os.Environ(), "VIPS_CONCURRENCY=1")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the benchmark of pictures: %w", err)
	}
	for line := range bytes.Lines(out) {
		f := strings.Fields(string(line))
		if len(f) < 2 || !strings.HasPrefix(f[0], "BenchmarkPictures/") {
			continue
		}
		d := derived{with: strings.TrimPrefix(f[0], "BenchmarkPictures/")}
		for i := 2; i+1 < len(f); i += 2 {
			switch f[i+1] {
			case "ns/op":
				d.ms = number(f[i]) / 1e6
			case "B/op":
				d.mb = number(f[i]) / 1e6
			case "process-MB":
				d.residentMB = number(f[i]) * 1.048576
			}
		}
		if d.residentMB > 0 { // what was allocated here says nothing about the other process
			d.mb = 0
		}
		note("%+v", d)
		t.derive = append(t.derive, d)
	}
	return nil
}

func (t *table) deriveTable(w io.Writer) {
	if len(t.derive) == 0 {
		return
	}
	t.head(w, "Thumbnail and preview of a photo of 12 megapixels, one processor", "with", "ms a photo", "photos/s and core", "MB allocated a photo", "process, MB resident")
	told := func(v float64) string {
		if v == 0 {
			return "-"
		}
		return show(v)
	}
	for _, d := range t.derive {
		t.line(w, d.with, show(d.ms), show(1000/d.ms), told(d.mb), told(d.residentMB))
	}
	fmt.Fprintf(w, "\nBoth pictures upright, 320 and 1280 pixels, from one JPEG; Paicha stores them and makes the perceptual hash too;\nvipsthumbnail makes each in a process of its own, on one thread.\n")
}
