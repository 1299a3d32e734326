package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"paicha/inspection"
)

// silence is what the enterprises saw and heard before an unannounced inspection, to be compared with what they see and
// hear while it is under way.
type silence struct {
	mine, rival, chief *ear
	before             map[string][]byte // answers by question
	cursors            map[*person]string
}

// listen notes what the enterprises see now and opens everybody's event stream.
func (s *story) listen(ctx context.Context) (err error) {
	for _, e := range []struct {
		ear **ear
		who *person
	}{{&s.silence.mine, s.mine}, {&s.silence.rival, s.rival}, {&s.silence.chief, s.chief}} {
		if *e.ear, err = open(ctx, e.who); err != nil {
			return err
		}
		if err := (*e.ear).wait(ctx, 1); err != nil { // every stream begins with one hint
			return err
		}
	}
	s.silence.cursors = map[*person]string{}
	for _, p := range []*person{s.mine, s.rival} {
		if _, err := p.Sync(ctx); err != nil {
			return err
		}
		s.silence.cursors[p] = p.Replica().Cursor()
	}
	s.silence.before, err = s.seen(ctx)
	return err
}

// theCursor is opaque and carries the time of its issue: everything else of two pulls must be equal.
var theCursor = regexp.MustCompile(`"cursor":"[^"]*"`)

// seen asks as both enterprises for everything that could tell them of a hazard or an inspection.
func (s *story) seen(ctx context.Context) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, p := range []*person{s.mine, s.rival} {
		r, err := p.pull(ctx, s.silence.cursors[p])
		if err != nil {
			return nil, err
		}
		out[p.name+"同步"] = theCursor.ReplaceAll(r.body, []byte(`"cursor":""`))
		for _, list := range []string{"/api/v1/hazards", "/api/v1/inspections"} {
			if r, err = p.get(ctx, list); err != nil {
				return nil, err
			}
			out[p.name+list] = append([]byte(fmt.Sprintln(r.status)), r.body...)
		}
	}
	return out, nil
}

// nobodyKnows: 四不两直. Neither the enterprise nor anybody else learns of the inspection, however they ask.
func (s *story) nobodyKnows(ctx context.Context) error {
	s.step("检查尚未提交：企业什么也看不到，另一企业也是；审核员看得到草稿")
	if _, err := s.chief.Sync(ctx); err != nil {
		return err
	}
	in, err := s.chief.inspection(s.id)
	s.check(err == nil && in.Status == inspection.Draft && in.Header.Mode == inspection.Unannounced, "审核员看到草稿：%s，%s", in.Header.Mode.Label(), inspection.Label(in.Status))
	if err := s.silence.chief.wait(ctx, 2); err != nil { // the same write was told to everybody who may know
		return err
	}
	now, err := s.seen(ctx)
	if err != nil {
		return err
	}
	for _, p := range []*person{s.mine, s.rival} {
		same := true
		for question, answer := range now {
			if strings.HasPrefix(question, p.name) && string(answer) != string(s.silence.before[question]) {
				same = false
				s.say("有变化：%s", question)
			}
		}
		s.check(same, "%s：同步、隐患列表、检查列表与检查前逐字节相同", p.name)
	}
	for _, p := range []*person{s.mine, s.rival} {
		record, err := p.get(ctx, "/api/v1/inspections/"+s.id)
		if err != nil {
			return err
		}
		shot, err := p.get(ctx, "/api/v1/inspections/"+s.id+"/photos/"+s.hashes[0])
		if err != nil {
			return err
		}
		s.check(record.status == http.StatusNotFound && shot.status == http.StatusNotFound, "%s：按编号查检查 → %d，查照片 → %d", p.name, record.status, shot.status)
	}
	s.check(s.silent(s.silence.mine) && s.silent(s.silence.rival), "两家企业的实时通道没有任何提示；审核员的有")
	return nil
}

// ear is an open event stream and all that came over it.
type ear struct {
	mu    sync.Mutex
	text  strings.Builder
	more  chan struct{}
	ended error
}

// open begins to listen to a person's events.
func open(ctx context.Context, p *person) (*ear, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Server+"/api/v1/sync/events", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", p.line.session())
	resp, err := p.HTTP.Do(req) //nolint:bodyclose // the reader below closes it when the stream ends
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close() // the status is all that it says
		return nil, fmt.Errorf("实时通道：%s", resp.Status)
	}
	e := &ear{more: make(chan struct{}, 1)}
	go func() {
		defer func() { _ = resp.Body.Close() }() // ends with ctx
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			e.mu.Lock()
			e.text.WriteString(lines.Text() + "\n")
			e.mu.Unlock()
			e.tell()
		}
		e.mu.Lock()
		e.ended = fmt.Errorf("实时通道中断：%w", context.Cause(ctx))
		e.mu.Unlock()
		e.tell()
	}()
	return e, nil
}

func (e *ear) tell() {
	select {
	case e.more <- struct{}{}:
	default:
	}
}

// hints is how many came so far.
func (e *ear) hints() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Count(e.text.String(), "event: pull")
}

// silent reports whether nothing was hinted but that the stream was opened: at once, and where several nodes may share a
// store once more a few seconds later, whatever happens.
func (s *story) silent(e *ear) bool {
	if s.alone {
		return e.hints() == 1
	}
	return e.hints() <= 2
}

// wait returns when there were n hints.
func (e *ear) wait(ctx context.Context, n int) error {
	for e.hints() < n {
		e.mu.Lock()
		ended := e.ended
		e.mu.Unlock()
		if ended != nil {
			return ended
		}
		select {
		case <-e.more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
