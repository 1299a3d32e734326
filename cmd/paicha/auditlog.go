package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"paicha/internal/audit"
	"paicha/internal/fault"
	"paicha/internal/store"
)

// logKeyName is the file of the log's key in the data folder.
const logKeyName = "log.key"

// auditKey reads the key that signs heads and manifests, or makes it in the data folder at the first start.
func auditKey(file, data string) (*audit.Key, error) {
	k, err := readAuditKey(file, data)
	if file != "" || !errors.Is(err, os.ErrNotExist) {
		return k, err
	}
	secret, err := audit.NewKey(random)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(data, logKeyName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(secret + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return audit.ParseKey(secret)
}

func readAuditKey(file, data string) (*audit.Key, error) {
	if file == "" {
		file = filepath.Join(data, logKeyName)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, audit.ErrKeyFile.Saying("日志密钥文件 %q 不能读取", file).Because(err)
	}
	return audit.ParseKey(string(b))
}

// sequencer appends what this node's feed brings.
func (s *server) sequencer(key *audit.Key) *audit.Sequencer {
	return &audit.Sequencer{
		Docs: s.store, Key: key, Now: time.Now,
		Differs: func(m audit.Mismatch) {
			s.metrics.LogMismatch()
			s.log.Error("a history is not what was logged", "kind", string(m.Ref.Kind), "id", m.Ref.ID, "rev", uint64(m.Rev),
				"entry", m.Entry, "count", m.Count, "gone", m.Gone)
		},
		Unreadable: func(r store.Ref, err error) {
			s.log.Error("a history cannot be logged", "kind", string(r.Kind), "id", r.ID, "error", err)
		},
	}
}

// sequence appends to the log at a gentle pace, until ctx ends. What fails is tried again at the next turn; it is told when
// it begins, and then once in a while.
func (s *server) sequence(ctx context.Context) {
	if s.config.LogEvery == 0 {
		return
	}
	turn := time.NewTicker(s.config.LogEvery)
	defer turn.Stop()
	began := time.Now()
	var told time.Time
	for {
		err := s.append(ctx)
		if err != nil && ctx.Err() == nil && time.Since(told) > time.Minute {
			told = time.Now()
			s.log.Warn("the audit log is not appended to", "error", err)
		}
		if err == nil {
			told = time.Time{}
		}
		behind := began
		if c := s.audit.Caught(); !c.IsZero() {
			behind = c
		}
		if n, err := s.audit.Size(ctx); err == nil {
			s.metrics.AuditLog(n, time.Since(behind))
		}
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
		}
	}
}

// rest is how much longer than a step it waits before the next one: a long backlog takes a quarter of one processor, and
// tablets have the others.
const rest = 3

func (s *server) append(ctx context.Context) error {
	for ctx.Err() == nil {
		began := time.Now()
		more, err := s.audit.Step(ctx)
		if err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest * time.Since(began)):
		}
	}
	return ctx.Err()
}

// auditLog is "paicha log …".
func auditLog(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return pick(ctx, []subcommand{
		{"key", "打印日志公钥，供各方另行保存：paicha log key --data ./data", printLogKey},
		{"compare", "核对两次取得的日志头在同一段历史上：paicha log compare --log-key 公钥 旧.json 新.json 证明.json", compareHeads},
		{"resign", "更换密钥后重新签名日志头（先停止服务）：paicha log resign --data ./data --log-key-file 新密钥", resignHead},
	}, "审计日志。用法：paicha log 命令 [参数]", args, stdout, stderr)
}

// printLogKey is "paicha log key".
func printLogKey(_ context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("log key", "paicha log key [--data ./data] [--log-key-file 文件]", stderr)
	data := f.String("data", "./data", "数据目录")
	file := f.String("log-key-file", "", "日志密钥文件，如果不在数据目录中")
	if code, ok := parsed(f, args, stderr); !ok {
		return code
	}
	k, err := readAuditKey(*file, *data)
	if err != nil {
		return failed("打印公钥", err, stderr)
	}
	fmt.Fprintln(stdout, k.Verifier)
	return 0
}

// compareHeads is "paicha log compare": offline, with what GET /api/v1/audit/head and …/consistency have answered.
func compareHeads(_ context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("log compare", "paicha log compare --log-key 公钥 旧日志头.json 新日志头.json 证明.json", stderr)
	key := f.String("log-key", "", "日志公钥，或 @ 和存放它的文件名")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if f.NArg() != 3 || *key == "" {
		f.Usage()
		return 2
	}
	heads, err := compared(*key, f.Args())
	for _, h := range heads {
		fmt.Fprintf(stdout, "截至 %s 共 %d 条，根 %s\n", h.At.Format(time.RFC3339), h.Size, h.Root)
	}
	if err != nil {
		fmt.Fprintf(stdout, "结论：核对不通过 ✗ %s\n", fault.Of(err).Message)
		return 1
	}
	fmt.Fprintln(stdout, "结论：新的日志原样包含旧的日志 ✓")
	return 0
}

func compared(key string, files []string) (heads []audit.Head, err error) {
	if key, err = addressOf(key); err != nil {
		return nil, err
	}
	for _, name := range files[:2] {
		var saved struct {
			Note string `json:"note"`
		}
		if err := readJSON(name, &saved); err != nil {
			return heads, err
		}
		h, err := audit.OpenHead([]byte(saved.Note), key)
		if err != nil {
			return heads, err
		}
		heads = append(heads, h)
	}
	var proof audit.Consistency
	if err := readJSON(files[2], &proof); err != nil {
		return heads, err
	}
	return heads, proof.Check(heads[0], heads[1])
}

func readJSON(name string, v any) error {
	const most = 1 << 20 // bytes
	b, err := readSome(name, most)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return audit.ErrFile.Saying("%q 读不出来", name).Because(err)
	}
	return nil
}

// resignHead is "paicha log resign".
func resignHead(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("log resign", "paicha log resign [--data ./data | --store 地址] --log-key-file 文件", stderr)
	data := f.String("data", "./data", "数据目录")
	at := f.String("store", "", "文档库地址，如果不在数据目录中")
	file := f.String("log-key-file", "", "新的日志密钥文件；不填则用数据目录中的 log.key")
	if code, ok := parsed(f, args, stderr); !ok {
		return code
	}
	k, err := readAuditKey(*file, *data)
	if err != nil {
		return failed("重新签名", err, stderr)
	}
	if *at == "" {
		*at, _ = embedded(*data)
	}
	e, err := openEngine(ctx, *at, engineOptions{})
	if err != nil {
		return failed("重新签名", err, stderr)
	}
	defer func() { _ = e.Close() }() // what was written is durable by now
	s, err := store.Open(ctx, e, storeOptions())
	if err != nil {
		return failed("重新签名", err, stderr)
	}
	h, err := (&audit.Sequencer{Docs: s, Key: k, Now: time.Now}).Resign(ctx)
	if err != nil {
		return failed("重新签名", err, stderr)
	}
	fmt.Fprintf(stdout, "日志头已用新的密钥签名：共 %d 条，根 %s\n新的公钥：%s\n", h.Size, h.Root, k.Verifier)
	return 0
}
