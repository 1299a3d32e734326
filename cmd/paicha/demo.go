package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"paicha/inspection"
	"paicha/internal/fault"
	fieldsync "paicha/sync"
	"paicha/sync/client"
)

// demo is "paicha demo [--server URL]": it plays one inspection and its closed loop against a running server, as tablets,
// supervisor and enterprise, over HTTP alone. Everything that it claims it checks. Without --server it starts a server of
// its own and removes it afterwards. It returns 1 if anything is not as promised.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	server := flags.String("server", "", "已用 --demo 启动的服务地址，例如 http://127.0.0.1:8080；不填则临时启动一个")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "多余的参数 %q。用法：paicha demo [--server http://127.0.0.1:8080]\n", flags.Arg(0))
		return 2
	}
	dir, err := os.MkdirTemp("", "paicha-demo-")
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is in the system's temporary directory
	s := &story{
		server: strings.TrimSuffix(*server, "/"), dir: dir, out: stdout, id: newID().String(),
		http: &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute},
	}
	s.alone = s.server == ""
	if s.server == "" {
		address, stop, err := throwAway(ctx, filepath.Join(dir, "server"), stderr)
		if err != nil {
			fmt.Fprintf(stderr, "临时服务没有启动：%v\n", err)
			return 1
		}
		defer stop()
		s.server = address
		fmt.Fprintf(stdout, "已临时启动服务 %s，演示后删除。\n", address)
	}
	if err := s.play(ctx); err != nil {
		fmt.Fprintf(stdout, "   ✗ 演示中断：%s\n", plain(err))
		return 1
	}
	return s.conclude()
}

// plain is an error as a person reads it: the Chinese sentence if there is one, and what it is to a machine.
func plain(err error) string {
	var refused *client.Refusal
	var f *fault.Error
	switch {
	case errors.As(err, &refused) && refused.Detail != "":
		return fmt.Sprintf("%s（%v）", refused.Detail, err)
	case errors.As(err, &f):
		return fmt.Sprintf("%s（%v）", f.Message, err)
	}
	return err.Error()
}

var greeting = regexp.MustCompile(`已启动：(http://\S+)`)

// throwAway starts this program's own server on a free port; stop ends it.
func throwAway(ctx context.Context, dir string, stderr io.Writer) (address string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	child := exec.CommandContext(ctx, self, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", dir, "--log-level", "warn")
	child.Stderr = stderr
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.WaitDelay = 10 * time.Second
	out, err := child.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := child.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = child.Process.Signal(os.Interrupt) // it may have ended by itself
		_ = child.Wait()                       // how it ended no longer matters
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := greeting.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }() // the rest of the greeting must not fill the pipe
			return m[1], stop, nil
		}
	}
	stop()
	return "", nil, errors.Join(errors.New("没有得到服务地址"), lines.Err())
}

// story is one telling: who takes part, what is told, and what was not as promised.
type story struct {
	server string
	alone  bool // the server is a throw-away one of our own
	dir    string
	out    io.Writer
	http   http.RoundTripper
	people []*person

	wang, li, chief, mine, rival *person

	id      string // of the inspection
	pack    string // "coal-mine@…"
	hash    string // of the pack
	photos  [][]byte
	hashes  []string // of the photos
	major   inspection.Hazard
	silence silence

	steps, checks, failed int
}

// step begins a numbered step.
func (s *story) step(title string) {
	s.steps++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.steps, title)
}

// say tells what happens.
func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, "   · "+format+"\n", args...) }

// check tells whether what was promised is so.
func (s *story) check(kept bool, format string, args ...any) {
	s.checks++
	mark := "✓"
	if !kept {
		mark = "✗"
		s.failed++
	}
	fmt.Fprintf(s.out, "   "+mark+" "+format+"\n", args...)
}

// verdict tells what the server said of a mutation and checks it. code is empty for a success.
func (s *story) verdict(what string, r fieldsync.Result, want fieldsync.Status, code string) {
	got, detail := "", ""
	if r.Problem != nil {
		got, detail = r.Problem.Code, "："+r.Problem.Detail
	}
	s.check(r.Status == want && got == code, "%s → %s %s%s", what, r.Status, got, detail)
}

// play tells everything. An error means that the story cannot go on.
func (s *story) play(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	defer func() {
		for _, p := range s.people {
			_ = p.Close() // the directories are thrown away
		}
	}()
	for _, scene := range []func(context.Context) error{
		s.loginAndFirstPull, s.offline, s.lostAnswer, s.cutPhoto, s.twoInspectors, s.nobodyKnows,
		s.submit, s.review, s.closedLoop, s.signing, s.badPush, s.counts,
	} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) conclude() int {
	if s.failed > 0 {
		fmt.Fprintf(s.out, "\n%d 项核对中有 %d 项不符 ✗\n", s.checks, s.failed)
		return 1
	}
	fmt.Fprintf(s.out, "\n%d 项核对全部通过 ✓\n", s.checks)
	return 0
}
