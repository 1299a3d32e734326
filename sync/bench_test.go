package sync_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// record is a first save of forty answers, 6.4 KB, as the workload of docs/benchmarks.md has it.
func record(tb testing.TB, i int64) json.RawMessage {
	var b strings.Builder
	for a := range 40 {
		if a > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"item":"bench.item-%02d","result":"conform","number":%d.5,"unit":"%%","note":"现场查看设备运行正常，记录齐全，人员到位，按规程操作","at":"2023-06-05T07:31:%02dZ"}`, a, a, a)
	}
	id := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i))
	h := strings.Replace(header, "mine-1", "unknown-mine", 1)
	args := `{"header":` + h + `,"team":["wang"],"answers":[` + b.String() + `]}`
	return json.RawMessage(fmt.Sprintf(`{"id":%q,"n":%d,"name":"inspection.save","doc":{"kind":"inspection","id":%q},"at":"2023-06-05T07:32:00Z","args":%s}`, id, i+1, id, args))
}

// fresh is the record under another id, made without formatting it anew.
func fresh(template json.RawMessage, i int64) jsontext.Value {
	out := bytes.Clone(template)
	id := []byte(uuid.NewSHA1(uuid.Nil, binary.BigEndian.AppendUint64(nil, uint64(i))).String())
	old := out[7:43]
	for at := bytes.Index(out, old); at >= 0; at = bytes.Index(out, template[7:43]) {
		copy(out[at:], id)
	}
	return jsontext.Value(out)
}

func benchPush(b *testing.B, batch int) {
	p := newPlace(b)
	s := inspector("wang", "532504/coal-mine")
	var n atomic.Int64
	template := record(b, 0)
	b.SetBytes(int64(len(record(b, 1)) * batch))
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := fieldsync.PushRequest{Epoch: p.store.Epoch(), Device: string(s.Device), DeviceTime: p.now}
			for range batch {
				r.Mutations = append(r.Mutations, fresh(template, n.Add(1)))
			}
			out, err := p.sync.Push(context.Background(), s, r)
			if err != nil {
				b.Error(err)
			}
			for _, r := range out.Results {
				if r.Status != fieldsync.Applied {
					b.Errorf("%+v %+v", r, r.Problem)
				}
			}
		}
	})
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkPushOne(b *testing.B)     { benchPush(b, 1) }
func BenchmarkPushHundred(b *testing.B) { benchPush(b, 100) }

func BenchmarkPull(b *testing.B) {
	p := newPlace(b)
	s := inspector("wang", "532504/coal-mine")
	for i := range int64(50) {
		ms := make([]json.RawMessage, 200)
		for j := range ms {
			ms[j] = record(b, i*200+int64(j))
		}
		p.push(s, ms...)
	}
	b.Run("Empty", func(b *testing.B) {
		r, _ := p.pull(s, "")
		for r.More {
			r, _ = p.pull(s, r.Cursor)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if _, err := p.sync.Pull(context.Background(), s, fieldsync.PullRequest{Cursor: r.Cursor}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("First", func(b *testing.B) {
		docs := 0
		for range b.N {
			for cursor := ""; ; {
				page, err := p.sync.Pull(context.Background(), s, fieldsync.PullRequest{Cursor: cursor})
				if err != nil {
					b.Fatal(err)
				}
				docs += bytes.Count(page, []byte(`"via":`))
				if !bytes.HasSuffix(page, []byte(`"more":true}`)) {
					break
				}
				at := bytes.LastIndex(page, []byte(`"cursor":"`)) + 10
				cursor = string(page[at : at+bytes.IndexByte(page[at:], '"')])
			}
		}
		b.ReportMetric(float64(docs)/b.Elapsed().Seconds(), "docs/s")
	})
}
