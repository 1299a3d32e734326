// Package heif makes a JPEG of a HEIC picture with heif-convert of libheif, where the system has it (Debian:
// libheif-examples).
//
// The model. No decoder of HEVC that is maintained and fit to be linked can be had for Go (docs/adr/0052), so a program of
// the system does it, apart from this one: it gets a file of ours, its own memory, processor time and file sizes are
// limited by the system, and it is killed when its context ends. What it says is not believed: the JPEG that it wrote
// passes through the same bounds as any other.
//
// What this package refuses to do: it never gives the program a name or an option that came from outside, and no
// environment.
package heif

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// The limits of one conversion, set by the system on the program.
const (
	maxVirtual = 3 << 20  // KiB of address space; threads reserve far more than they use
	maxSeconds = 60       // of processor time
	maxBlocks  = 64 << 11 // of 512 bytes, what it may write: 64 MiB
	maxOutput  = 64 << 20
)

// Converter runs heif-convert. The zero value is none: use Find.
type Converter struct{ program string }

// Find looks for the program; false if the system has none.
func Find() (Converter, bool) {
	path, err := exec.LookPath("heif-convert")
	return Converter{path}, err == nil
}

// With returns a converter that runs another program with the same arguments.
func With(program string) Converter { return Converter{program} }

// JPEG returns the picture as JPEG, turned as its container says. ctx's error when it ends first.
func (c Converter) JPEG(ctx context.Context, heic io.Reader) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "paicha-heif-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	in := filepath.Join(dir, "in.heic")
	f, err := os.OpenFile(in, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, heic)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := c.run(ctx, dir); err != nil {
		return nil, err
	}
	for _, name := range []string{"out.jpg", "out-1.jpg"} { // numbered if the file has several pictures
		b, err := read(filepath.Join(dir, name))
		if !errors.Is(err, os.ErrNotExist) {
			return b, err
		}
	}
	return nil, errors.New("heif-convert wrote nothing")
}

func (c Converter) run(ctx context.Context, dir string) error {
	limits := "ulimit -v " + strconv.Itoa(maxVirtual) + " && ulimit -t " + strconv.Itoa(maxSeconds) + " && ulimit -f " + strconv.Itoa(maxBlocks) +
		` && exec "$0" -q 92 in.heic out.jpg`
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", limits, c.program) //nolint:gosec // the program is the operator's
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // and what it started
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("heif-convert: %w", err)
	}
	return nil
}

// read reads a file of bounded size.
func read(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // in our own folder
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxOutput))
	return b, errors.Join(err, f.Close())
}
