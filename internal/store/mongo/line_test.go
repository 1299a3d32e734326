package mongo_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"paicha/internal/store/mongo"
)

// fate is what a bad line does with one command.
type fate int

const (
	passes    fate = iota
	cutBefore      // the line breaks before the command reaches the server
	cutAfter       // the server has carried it out, and the line breaks before the answer comes
	late           // the line breaks at once; the command reaches the server when deliver is called
	stalls         // nothing comes, and nothing goes, until resume is called
	answers        // the server has carried it out, and the answer comes when resume is called
)

// line is a TCP proxy that reads the wire protocol and breaks where it is told to. It needs a server without TLS.
type line struct {
	t testing.TB

	mu      sync.Mutex
	decide  func(c command) fate
	rewrite func(c command, reply bson.D) bson.D
	seen    map[string]int // commands by name
	relays  map[string]net.Listener
	waiting []func()      // late commands
	resumed chan struct{} // closed by resume
	dead    bool
	open    map[net.Conn]bool
	wg      sync.WaitGroup
}

// command is a message on its way to the server.
type command struct {
	name    string
	message []byte
}

// about tells whether a command speaks of a document, by its key.
func (c command) about(key string) bool { return bytes.Contains(c.message, []byte(key+"\x00")) }

// body is the command without the documents that it writes.
func (c command) body() bson.Raw {
	if !isMsg(c.message) {
		return nil
	}
	raw := bson.Raw(c.message[headerSize+5:])
	return raw[:binary.LittleEndian.Uint32(raw)]
}

func (c command) writes() bool { return c.name == "insert" || c.name == "update" }

func newLine(t testing.TB) *line {
	l := &line{t: t, seen: map[string]int{}, relays: map[string]net.Listener{}, resumed: make(chan struct{}), open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.die()
		l.wg.Wait()
	})
	return l
}

// over makes an engine's connections go through the line.
func over(l *line) func(*mongo.Options) {
	return func(o *mongo.Options) { o.Dial = l.dial }
}

// on sets what becomes of the commands from now on; nil lets all pass.
func (l *line) on(decide func(command) fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decide = decide
}

// once gives f to the first command that match accepts, and lets all others pass.
func (l *line) once(f fate, match func(command) bool) {
	done := false
	l.on(func(c command) fate {
		if done || !match(c) {
			return passes
		}
		done = true
		return f
	})
}

// alter sets what becomes of the server's answers from now on; nil lets them pass as they are.
func (l *line) alter(rewrite func(command, bson.D) bson.D) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rewrite = rewrite
}

// sent counts the commands of a name so far.
func (l *line) sent(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[name]
}

// deliver lets the late commands reach the server, and returns how many there were.
func (l *line) deliver() int {
	l.mu.Lock()
	held := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, send := range held {
		send()
	}
	return len(held)
}

// resume ends what stalls.
func (l *line) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.resumed)
	l.resumed = make(chan struct{})
}

// die breaks the line for good.
func (l *line) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return
	}
	l.dead = true
	for _, r := range l.relays {
		_ = r.Close()
	}
	for c := range l.open {
		_ = c.Close()
	}
	close(l.resumed)
}

// dial connects to the relay of an address.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return nil, errors.New("the line is dead")
	}
	relay, ok := l.relays[address]
	if !ok {
		var err error
		if relay, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			l.mu.Unlock()
			return nil, err
		}
		l.relays[address] = relay
		l.wg.Go(func() { l.serve(relay, address) })
	}
	l.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, network, relay.Addr().String())
}

func (l *line) serve(relay net.Listener, address string) {
	for {
		c, err := relay.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.carry(c, address) })
	}
}

func (l *line) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		_ = c.Close()
		return false
	}
	l.open[c] = true
	return true
}

func (l *line) drop(c net.Conn) {
	l.mu.Lock()
	delete(l.open, c)
	l.mu.Unlock()
	_ = c.Close()
}

// carry serves one connection until it breaks.
func (l *line) carry(client net.Conn, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		_ = client.Close()
		return
	}
	hold := false
	defer func() {
		l.drop(client)
		if !hold {
			l.drop(server)
		}
	}()
	if !l.keep(client) || !l.keep(server) {
		return
	}
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		c := command{name: commandName(request), message: request}
		f, resumed := l.judge(c)
		switch f {
		case cutBefore:
			return
		case late:
			hold = true
			l.postpone(server, request)
			return
		case stalls:
			<-resumed
		}
		if _, err := server.Write(request); err != nil {
			return
		}
		if streams(request) { // a monitor, to which the server speaks unasked
			_, _ = io.Copy(client, server)
			return
		}
		reply, err := readMessage(server)
		if err != nil || f == cutAfter {
			return
		}
		if f == answers {
			<-resumed
		}
		if reply, err = l.altered(c, reply); err != nil {
			l.t.Errorf("%s: %v", c.name, err)
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

func (l *line) judge(c command) (fate, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[c.name]++
	if l.decide == nil || c.name == "hello" || strings.EqualFold(c.name, "ismaster") {
		return passes, l.resumed
	}
	return l.decide(c), l.resumed
}

func (l *line) altered(c command, reply []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rewrite == nil || !isMsg(reply) || c.name == "hello" {
		return reply, nil
	}
	var doc bson.D
	if err := bson.Unmarshal(reply[headerSize+5:], &doc); err != nil {
		return nil, err
	}
	raw, err := bson.Marshal(l.rewrite(c, doc))
	if err != nil {
		return nil, err
	}
	out := slices.Concat(reply[:headerSize+5], raw)
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	return out, nil
}

// postpone keeps a command until deliver, which waits until it is carried out.
func (l *line) postpone(server net.Conn, request []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, func() {
		defer l.drop(server)
		if _, err := server.Write(request); err != nil {
			l.t.Errorf("late command: %v", err)
			return
		}
		if _, err := readMessage(server); err != nil {
			l.t.Errorf("late command: %v", err)
		}
	})
}

// Of the wire protocol: a header of length, request id, response to and operation, four int32; then of OP_MSG flags and
// a section of kind 0, whose first key is the command.
const (
	headerSize     = 16
	opMsg          = 2013
	exhaustAllowed = 1 << 16
)

func readMessage(r io.Reader) ([]byte, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n < headerSize || n > 48_000_000 {
		return nil, errors.New("not the wire protocol in clear: the line needs a server without TLS")
	}
	m := make([]byte, n)
	copy(m, head[:])
	_, err := io.ReadFull(r, m[headerSize:])
	return m, err
}

func isMsg(m []byte) bool {
	return binary.LittleEndian.Uint32(m[12:]) == opMsg && len(m) > headerSize+10
}

func streams(m []byte) bool {
	return isMsg(m) && binary.LittleEndian.Uint32(m[headerSize:])&exhaustAllowed != 0
}

func commandName(m []byte) string {
	if !isMsg(m) || m[headerSize+4] != 0 {
		return "hello" // the handshake of old; nothing else is sent so
	}
	name, _, _ := bytes.Cut(m[headerSize+10:], []byte{0})
	return string(name)
}
