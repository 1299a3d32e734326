package sync

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/go-json-experiment/json"
)

// KindChain holds what the server knows of one device's chain: the numbers of the mutations that it made, each with its
// id and content. Its id is the device's; it has no tokens, nobody pulls it.
const KindChain store.Kind = "chain"

func chainRef(id directory.DeviceID) store.Ref { return store.Ref{Kind: KindChain, ID: string(id)} }

// chainWindow is how many of the newest links are kept in full, besides those of the push that is being answered. Older
// ones are settled, and a mutation of such a number is known by its document's memory or is a stranger's.
const chainWindow = 64

// brief is enough of a SHA-256 to tell one mutation of a device from another.
type brief [8]byte

func briefOf(id MutationID) (b brief) {
	sum := sha256.Sum256([]byte(id))
	copy(b[:], sum[:])
	return b
}

func (h hash) brief() (b brief) {
	copy(b[:], h[:])
	return b
}

// link is one number of a chain. A zero id: the device said that it no longer has it. A zero content: it was only named.
type link struct {
	id, content brief
	open        bool // no final verdict yet
}

const linkBytes = 17

// chain is the body of a chain document. Every number from First to Head is known; of those after Base each has its
// link, of the others only the open ones.
type chain struct {
	First  uint64 `json:"first"`
	Head   uint64 `json:"head"`
	Base   uint64 `json:"base"`
	Forked bool   `json:"forked,omitzero"` // one number came with two ids
	Lost   uint64 `json:"lost,omitzero"`   // numbers that the device said it no longer has
	Links  []byte `json:"links"`           // of Base+1 … Head
	Open   []byte `json:"open,omitzero"`   // number (8 bytes) and link of the older ones that wait

	links []link
	older map[uint64]link
}

func readChain(d store.Doc) (chain, error) {
	c := chain{older: map[uint64]link{}}
	if d.Rev == 0 {
		return c, nil
	}
	if err := json.Unmarshal(d.Body, &c); err != nil {
		return c, fmt.Errorf("chain %s: %w", d.ID, err)
	}
	for b := c.Links; len(b) >= linkBytes; b = b[linkBytes:] {
		c.links = append(c.links, readLink(b))
	}
	for b := c.Open; len(b) >= 8+linkBytes; b = b[8+linkBytes:] {
		c.older[binary.BigEndian.Uint64(b)] = readLink(b[8:])
	}
	if c.Base+uint64(len(c.links)) != c.Head {
		return c, fmt.Errorf("chain %s: %d links from %d to %d", d.ID, len(c.links), c.Base, c.Head)
	}
	return c, nil
}

func readLink(b []byte) (l link) {
	copy(l.id[:], b)
	copy(l.content[:], b[8:])
	l.open = b[16] != 0
	return l
}

func (l link) append(b []byte) []byte {
	b = append(append(b, l.id[:]...), l.content[:]...)
	if l.open {
		return append(b, 1)
	}
	return append(b, 0)
}

// body keeps the newest links, at least keep of them, and of the older ones those that are open.
func (c *chain) body(keep int) ([]byte, error) {
	for cut := len(c.links) - keep; cut > 0; cut-- {
		c.Base++
		if c.links[0].open {
			c.older[c.Base] = c.links[0]
		}
		c.links = c.links[1:]
	}
	c.Links, c.Open = nil, nil
	for _, l := range c.links {
		c.Links = l.append(c.Links)
	}
	numbers := make([]uint64, 0, len(c.older))
	for n, l := range c.older {
		if l.open {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		c.Open = c.older[n].append(binary.BigEndian.AppendUint64(c.Open, n))
	}
	return json.Marshal(c)
}

// find returns what is known of a number.
func (c *chain) find(n uint64) (link, bool) {
	if n > c.Base && n <= c.Head {
		return c.links[n-c.Base-1], true
	}
	l, ok := c.older[n]
	return l, ok
}

func (c *chain) put(n uint64, l link) {
	switch {
	case n == c.Head+1:
		c.links = append(c.links, l)
		c.Head = n
	case n > c.Base && n <= c.Head:
		c.links[n-c.Base-1] = l
	default:
		c.older[n] = l
	}
}

// standing is how a mutation stands to its device's chain.
type standing uint8

const (
	inChain   standing = iota // the next number, or the one that it was before, or none at all
	forked                    // its number, or the one before, is another mutation's: the tablet was cloned
	beyondGap                 // numbers before it are not known
	changed                   // the mutation of that number and id had other bytes
	longAgo                   // its number was settled long ago: forked, unless its document remembers it
)

// chainClaim is what one push says of a chain: the numbers that it carries and those that it names.
type chainClaim struct {
	doc   store.Doc // as it was read
	chain chain
	dirty bool
	forks bool // it was not known before that the device is cloned
	gaps  []uint64
}

// claim sets the mutations of a push, and the links that it names, against the device's chain, and gives each its
// standing. It begins a chain that it has never met at the first number that comes.
func (p *push) claim(doc store.Doc) (*chainClaim, error) {
	c, err := readChain(doc)
	if err != nil {
		return nil, err
	}
	cl := &chainClaim{doc: doc, chain: c}
	type entry struct {
		n uint64
		m *mutation // nil for a link
		l Link
	}
	var all []entry
	for i := range p.muts {
		if m := &p.muts[i]; m.N > 0 && m.named() && m.twin == nil {
			all = append(all, entry{n: m.N, m: m})
		}
	}
	for _, l := range p.links {
		if l.N > 0 {
			all = append(all, entry{n: l.N, l: l})
		}
	}
	if len(all) == 0 {
		return cl, nil
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.n, b.n) })
	if doc.Rev == 0 {
		cl.chain.First, cl.chain.Head, cl.chain.Base = all[0].n, all[0].n-1, all[0].n-1
	}
	strange := map[MutationID]bool{} // of this push, on another branch
	for _, e := range all {
		if e.m == nil {
			cl.name(e.l)
			continue
		}
		e.m.standing = cl.stand(e.m)
		if e.m.standing == beyondGap && (strange[e.m.Prev] || p.forkedBefore(e.m.Prev)) {
			e.m.standing = forked
		}
		if e.m.standing == forked {
			strange[e.m.ID] = true
			if !cl.chain.Forked {
				cl.dirty, cl.forks, cl.chain.Forked = true, true, true
			}
		}
	}
	return cl, nil
}

// name takes a link: a number that the device made and does not send now.
func (cl *chainClaim) name(l Link) {
	c := &cl.chain
	if l.N != c.Head+1 {
		return // known, or beyond a gap
	}
	n := link{open: l.ID != ""}
	if l.ID == "" {
		c.Lost++
	} else {
		n.id = briefOf(l.ID)
	}
	c.put(l.N, n)
	cl.dirty = true
}

// stand gives a mutation its standing, and its number an entry if it is the next.
func (cl *chainClaim) stand(m *mutation) standing {
	c, id, content := &cl.chain, briefOf(m.ID), m.hash.brief()
	switch {
	case m.N < c.First:
		return inChain // from before there was a chain
	case m.N > c.Head+1:
		cl.miss(m.N)
		return beyondGap
	case m.N == c.Head+1:
		if before, ok := c.find(c.Head); ok && m.Prev != "" && before.id != (brief{}) && before.id != briefOf(m.Prev) {
			return forked
		}
		c.put(m.N, link{id: id, content: content, open: true})
		cl.dirty = true
		return inChain
	}
	l, ok := c.find(m.N)
	switch {
	case !ok:
		return longAgo
	case l.id != (brief{}) && l.id != id:
		return forked
	case l.content != (brief{}) && l.content != content:
		return changed
	case l.content == (brief{}):
		l.id, l.content, l.open = id, content, true
		c.put(m.N, l)
		cl.dirty = true
	}
	return inChain
}

// maxGaps bounds how many unknown numbers one answer names.
const maxGaps = 100

// miss notes the numbers before n that are not known, for the device to send or to link.
func (cl *chainClaim) miss(n uint64) {
	from := cl.chain.Head + 1
	if len(cl.gaps) > 0 {
		from = max(from, cl.gaps[len(cl.gaps)-1]+1)
	}
	for ; from < n && len(cl.gaps) < maxGaps; from++ {
		cl.gaps = append(cl.gaps, from)
	}
}

// settle notes which of the push's numbers have a final verdict, as far as the attempts came.
func (cl *chainClaim) settle(p *push, results func(*mutation) (Result, bool)) {
	for i := range p.muts {
		m := &p.muts[i]
		if m.N == 0 || m.standing != inChain || m.twin != nil {
			continue
		}
		r, ok := results(m)
		l, known := cl.chain.find(m.N)
		if !ok || !known || l.id != briefOf(m.ID) || l.open != r.Status.Final() {
			continue
		}
		l.open = !r.Status.Final()
		cl.chain.put(m.N, l)
		cl.dirty = true
	}
}

// write is the chain as it is to be stored; false if nothing changed.
func (cl *chainClaim) write(carried int) (store.Write, bool, error) {
	if !cl.dirty {
		return store.Write{}, false, nil
	}
	body, err := cl.chain.body(chainWindow + carried)
	if err != nil || cl.doc.Rev > 0 && bytes.Equal(body, cl.doc.Body) {
		return store.Write{}, false, err
	}
	return store.Write{Old: cl.doc, New: store.Doc{Ref: cl.doc.Ref, Body: body}}, true, nil
}
