package client

// stride is how much goes in one step: bytes of a chunk, documents of a page. It doubles while the line bears it. Where the
// line breaks, the step is lost as a whole, so it is halved, and from then on grows only after some that went well: about
// where one step in ten breaks, the cost of what is lost and that of the steps' headers are both small.
type stride struct {
	size  int64
	well  int  // steps since the last change
	broke bool // the line has broken before
	after int  // how many steps have to go well before one that broke is lengthened again
}

// How patient the strides are: a chunk costs the same however the photo is cut, a page the more the smaller it is, since
// documents compress together.
const (
	chunksBefore = 8
	pagesBefore  = 2
)

// went takes a step that went well; most is the longest allowed, 0: any. A step that was long already is lengthened with
// the same care as after a break.
func (s *stride) went(most int64, long bool) {
	s.well++
	if (s.broke || long) && s.well < s.after {
		return
	}
	s.size, s.well = s.size*2, 0
	if most > 0 {
		s.size = min(s.size, most)
	}
}

// failed takes a step that broke.
func (s *stride) failed(least int64) {
	s.size, s.well, s.broke = max(least, s.size/2), 0, true
}
