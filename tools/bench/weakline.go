package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// weakLine is a line as the figures of "Weak networks" mean it. The model is docs/adr/0046.
type weakLine struct {
	name    string
	rate    float64 // bits a second, each way
	rtt     float64 // seconds
	loss    float64 // share of the packets
	between float64 // bytes that a connection carries, both ways together, before it is cut, on average; 0: it is never cut
}

var weakLines = []weakLine{
	{name: "1 Mbit/s", rate: 1e6, rtt: 0.08},
	{name: "1 Mbit/s, cut every 1 MB", rate: 1e6, rtt: 0.08, between: 1 << 20},
	{name: "64 kbit/s, 20% loss", rate: 64e3, rtt: 0.3, loss: 0.2},
	{name: "64 kbit/s, 20% loss, cut every 256 KB", rate: 64e3, rtt: 0.3, loss: 0.2, between: 256 << 10},
	{name: "64 kbit/s, 20% loss, cut every 64 KB", rate: 64e3, rtt: 0.3, loss: 0.2, between: 64 << 10},
}

// What the packets of a connection cost beside its bytes. IPv4 without options and TCP with time stamps (RFC 7323), TLS 1.3
// records of at most 16 KiB (RFC 8446) and a handshake with a chain of two ECDSA certificates.
const (
	segment      = 1360 // bytes of data in a packet, for what tunnels and PPP take of 1500
	packetHead   = 20 + 32
	recordBytes  = 16 << 10
	recordHead   = 5 + 1 + 16
	helloUp      = 400
	helloDown    = 3000
	openAndClose = 3*60 + 4*packetHead // SYN, SYN-ACK, ACK; FIN and ACK each way
)

// traffic is what went over a line.
type traffic struct {
	up, down             float64 // bytes of the application: HTTP heads and bodies, whatever became of them
	requests             float64
	connections, severed float64
}

func (t traffic) plus(o traffic) traffic {
	return traffic{t.up + o.up, t.down + o.down, t.requests + o.requests, t.connections + o.connections, t.severed + o.severed}
}

// over is the mean of n.
func (t traffic) over(n float64) traffic {
	return traffic{t.up / n, t.down / n, t.requests / n, t.connections / n, t.severed / n}
}

func (t traffic) application() float64 { return t.up + t.down }

// wire is the bytes that the line carries for it: with TLS, TCP, IP, acknowledgements, and each lost packet again.
func (t traffic) wire(l weakLine) float64 {
	one := func(data, hello float64) (packets, bytes float64) {
		data += recordHead*(data/recordBytes+t.requests) + hello*t.connections
		packets = data/segment + t.requests/2 + t.connections // the last packet of a message is half full
		return packets, data + packetHead*packets
	}
	upPackets, up := one(t.up, helloUp)
	downPackets, down := one(t.down, helloDown)
	acks := packetHead * (upPackets + downPackets) / 2
	return (up+down)/(1-l.loss) + acks + openAndClose*t.connections/(1-l.loss)
}

// seconds is how long that takes: at the rate of the line, and as fast as one TCP connection goes at this loss.
func (t traffic) seconds(l weakLine) (atRate, byTCP float64) {
	turns := l.rtt * (t.requests + 2*t.connections) // a handshake of TCP and one of TLS 1.3
	atRate = 8*t.wire(l)/l.rate + turns
	if l.loss == 0 {
		return atRate, atRate
	}
	through := min(l.rate, 8*tcpRate(l)*(segment+packetHead)/segment)
	return atRate, 8*t.wire(l)/through + turns
}

// tcpRate is how fast TCP sends data, what is lost included, in bytes a second (RFC 5348, 3.1, with b = 1 and the retransmission time-out that TCP
// has at least, RFC 6298).
func tcpRate(l weakLine) float64 {
	rto := max(1, 4*l.rtt)
	p := l.loss
	return segment / (l.rtt*math.Sqrt(2*p/3) + rto*3*math.Sqrt(3*p/8)*p*(1+32*p*p))
}

// weakProxy carries connections to a server, counts what goes through and cuts, by a seed. It does not slow anything down:
// time is computed.
type weakProxy struct {
	net.Listener
	to   string
	line weakLine

	address string // that the tablet says to have

	mu  sync.Mutex
	rng *rand.Rand

	up, down, connections, severed, requests atomic.Int64
}

func newWeakProxy(to string, l weakLine, seed uint64) (*weakProxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &weakProxy{Listener: ln, to: to, line: l, address: fmt.Sprintf("10.%d.%d.%d", rand.IntN(256), rand.IntN(256), rand.IntN(256)), rng: rand.New(rand.NewPCG(46, seed))}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go p.carry(conn)
		}
	}()
	return p, nil
}

func (p *weakProxy) traffic() traffic {
	return traffic{
		up: float64(p.up.Load()), down: float64(p.down.Load()), requests: float64(p.requests.Load()),
		connections: float64(p.connections.Load()), severed: float64(p.severed.Load()),
	}
}

// RoundTrip counts the requests that go through the proxy. Past it, each tablet has an address of its own for the limit on
// logins.
func (p *weakProxy) RoundTrip(r *http.Request) (*http.Response, error) {
	p.requests.Add(1)
	if r.URL.Host == p.to {
		r = r.Clone(r.Context())
		r.Header.Set("X-Forwarded-For", p.address)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (p *weakProxy) carry(from net.Conn) {
	p.connections.Add(1)
	var left atomic.Int64
	left.Store(math.MaxInt64)
	if p.line.between > 0 {
		p.mu.Lock()
		left.Store(int64(p.rng.ExpFloat64() * p.line.between))
		p.mu.Unlock()
	}
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = from.Close()
		return
	}
	end := func() {
		_ = from.Close()
		_ = to.Close()
	}
	copying := func(dst, src net.Conn, count *atomic.Int64) {
		defer end()
		buf := make([]byte, segment)
		for {
			n, err := src.Read(buf)
			if n > 0 {
				rest := left.Add(-int64(n))
				if rest < 0 {
					n = max(0, n+int(rest)) // what was on its way when the line broke
				}
				count.Add(int64(n))
				if _, werr := dst.Write(buf[:n]); werr != nil {
					return
				}
				if rest < 0 {
					p.severed.Add(1)
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					return
				}
				return
			}
		}
	}
	go copying(to, from, &p.up)
	copying(from, to, &p.down)
}

func (l weakLine) String() string {
	return fmt.Sprintf("%s (round trip %.0f ms)", l.name, 1000*l.rtt)
}
