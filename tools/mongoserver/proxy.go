package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// proxy passes MongoDB's wire protocol on to a server whose commands are not atomic against each other: it lets one
// through at a time, from request to reply.
type proxy struct {
	behind string
	turn   sync.Mutex
}

// serve accepts connections until l is closed.
func (p *proxy) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() { _ = p.pass(c) }() // the client sees that its connection ends
	}
}

// pass serves one client until either side goes.
func (p *proxy) pass(client net.Conn) error {
	defer client.Close()
	server, err := net.Dial("tcp", p.behind)
	if err != nil {
		return err
	}
	defer server.Close()
	for {
		request, err := readMessage(client)
		if err != nil {
			return err
		}
		reply, err := p.exchange(server, request)
		if err != nil {
			return err
		}
		if _, err := client.Write(reply); err != nil {
			return err
		}
	}
}

// exchange sends a request and waits for its reply, in its turn. A client that goes meanwhile does not give up the
// turn: the command still runs. The driver's monitors must not wait, or a long command would look like a dead server.
func (p *proxy) exchange(server io.ReadWriter, request []byte) ([]byte, error) {
	if name := command(request); name != "hello" && name != "isMaster" && name != "ismaster" {
		p.turn.Lock()
		defer p.turn.Unlock()
	}
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	if !answered(request) {
		return nil, nil
	}
	return readMessage(server)
}

// The parts of a message that matter here.
// See "MongoDB Wire Protocol" in the manual of MongoDB.
const (
	headerSize = 16 // length, request id, response to, operation: four int32
	opQuery    = 2004
	opMsg      = 2013
	moreToCome = 1 << 1
	maxMessage = 48_000_000
)

var errMessage = errors.New("not a message of the wire protocol")

func readMessage(r io.Reader) ([]byte, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n < headerSize || n > maxMessage {
		return nil, errMessage
	}
	m := make([]byte, n)
	copy(m, head[:])
	_, err := io.ReadFull(r, m[headerSize:])
	return m, err
}

func operation(m []byte) uint32 { return binary.LittleEndian.Uint32(m[12:]) }

// answered tells whether a reply comes: an unacknowledged write has none.
func answered(m []byte) bool {
	return operation(m) != opMsg || len(m) < headerSize+4 || binary.LittleEndian.Uint32(m[headerSize:])&moreToCome == 0
}

// command returns the name of a message's command, which is the first key of its body; "" if there is none to be seen.
func command(m []byte) string {
	body := m[headerSize:]
	switch operation(m) {
	case opMsg: // flags, then a section of kind 0, a document
		if len(body) < 5 || body[4] != 0 {
			return ""
		}
		body = body[5:]
	case opQuery: // flags, collection, skip, limit, then a document
		if len(body) < 4 {
			return ""
		}
		end := bytes.IndexByte(body[4:], 0)
		if end < 0 || len(body) < 4+end+1+8 {
			return ""
		}
		body = body[4+end+1+8:]
	default:
		return ""
	}
	if len(body) < 6 { // length, type of the first element, its key
		return ""
	}
	key, _, _ := bytes.Cut(body[5:], []byte{0})
	return string(key)
}
