package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a process that is measured: the real binary, or the echo.
type server struct {
	cmd  *exec.Cmd
	at   string // host:port
	data string
	log  *os.File
}

// mongoVariable names a real MongoDB (without a database): records are then kept there, in databases of the bench's own
// that stay behind, and what SQLite alone can tell is left out.
const mongoVariable = "PAICHA_TEST_MONGO_URI"

// onMongo reports whether a MongoDB was given: what opens the embedded store itself is left out then.
func onMongo() bool { return os.Getenv(mongoVariable) != "" }

// start runs the real binary with demonstration data, as anybody would, on a free port. It believes this machine's
// X-Forwarded-For, so that each tablet has an address of its own for the limit on logins.
func start(p *plan, name string) (*server, error) {
	data := filepath.Join(p.dir, name)
	cmd := exec.Command(p.binary, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", data, "--trusted-proxies", "127.0.0.0/8")
	if uri := os.Getenv(mongoVariable); uri != "" {
		at, query, _ := strings.Cut(uri, "?")
		cmd.Args = append(cmd.Args, "--store", fmt.Sprintf("%s/paicha-bench-%s-%d?%s", strings.TrimRight(at, "/"), name, time.Now().Unix(), query))
	}
	cmd.Env = os.Environ()
	if p.profile != "" {
		cmd.Env = append(cmd.Env, "PAICHA_TEST_PROFILE="+filepath.Join(p.profile, name+".pprof"))
	}
	return launch(cmd, data)
}

// launch starts a process and waits until it has said where it is.
func launch(cmd *exec.Cmd, data string) (*server, error) {
	log, err := os.Create(data + ".log")
	if err != nil {
		return nil, err
	}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, data: data, log: log}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, at, found := strings.Cut(lines.Text(), "http://"); found {
			s.at = at
			go func() { // keeps the pipe from filling
				for lines.Scan() {
				}
			}()
			return s, nil
		}
	}
	s.stop()
	said, _ := os.ReadFile(data + ".log")
	return nil, fmt.Errorf("%s did not start: %s", cmd.Path, said)
}

// stop ends the process and removes what it stored.
func (s *server) stop() {
	s.halt()
	_ = os.RemoveAll(s.data)
}

// halt ends the process and leaves what it stored.
func (s *server) halt() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	ended := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-ended
	}
	s.cmd = nil
	_ = s.log.Close()
}

// cpu is the seconds of CPU that the process has used.
func (s *server) cpu() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	return (number(f[11]) + number(f[12])) / 100 // utime and stime, proc(5), in ticks of 10 ms
}

// peak is the most memory that the process held, in MB.
func (s *server) peak() float64 { return s.memory("VmHWM:") }

// resident is the memory that the process holds now, in MB.
func (s *server) resident() float64 { return s.memory("VmRSS:") }

// memory reads a line of proc(5)'s status, in MB.
func (s *server) memory(line string) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, after, _ := strings.Cut(string(b), line)
	f := strings.Fields(after)
	if len(f) == 0 {
		return 0
	}
	return number(f[0]) / 1000 * 1.024
}

// resetPeak returns the peak and begins a new one.
func (s *server) resetPeak() float64 {
	was := s.peak()
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0) // proc(5); where it is refused, the peak includes the logins
	return was
}

// metric reads one number of /metrics.
func (s *server) metric(name string) (float64, error) {
	r, err := http.Get("http://" + s.at + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Body.Close() }()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return number(v), nil
		}
	}
	return 0, errors.Join(lines.Err(), fmt.Errorf("no metric %s", name))
}

// derived counts the photos whose pictures are made.
func (s *server) derived() int {
	n := 0
	_ = filepath.WalkDir(filepath.Join(s.data, "photos"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, "thumb") {
			n++
		}
		return nil
	})
	return n
}

// machineCPU is the seconds that all processes together have used, waiting for disks excluded.
func machineCPU() float64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	var busy float64
	for i, f := range strings.Fields(line)[1:] {
		if i != 3 && i != 4 && i < 8 { // idle, iowait
			busy += number(f)
		}
	}
	return busy / 100
}

// ownCPU is the seconds that this process has used.
func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func number(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64)
	return f
}
