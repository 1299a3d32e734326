package scaledjpeg

// natural is the place of each zigzag index in a block, row by row (figure A.6).
var natural = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// band is which frequencies a progressive scan brings, and which of their bits (G.1.1.1).
type band struct{ from, to, high, low int }

// scan reads a scan header and the blocks behind it.
func (d *decoder) scan(b []byte) error {
	if d.comps == nil {
		return errFormat("scan before its frame")
	}
	if len(b) < 1 || len(b) < 4+2*int(b[0]) {
		return errFormat("scan header")
	}
	n := int(b[0])
	if n < 1 || n > len(d.comps) {
		return errFormat("components of a scan")
	}
	parts := make([]*component, 0, n)
	for i := range n {
		c := d.find(b[1+2*i])
		dc, ac := b[2+2*i]>>4, b[2+2*i]&15
		if c == nil || dc > 3 || ac > 3 {
			return errFormat("component of a scan")
		}
		for _, p := range parts {
			if p == c {
				return errFormat("component twice in a scan")
			}
		}
		c.dc, c.ac = &d.dcTables[dc], &d.acTables[ac]
		parts = append(parts, c)
	}
	tail := b[1+2*n:]
	by := band{int(tail[0]), int(tail[1]), int(tail[2] >> 4), int(tail[2] & 15)}
	if d.progressive {
		if by.from > by.to || by.to > 63 || by.from == 0 && by.to != 0 || by.from > 0 && n != 1 || by.low > 13 || by.high != 0 && by.high != by.low+1 {
			return errFormat("band of a scan")
		}
	} else {
		by = band{0, 63, 0, 0}
	}
	for _, c := range parts {
		if (by.from == 0 && by.high == 0 && !c.dc.set) || (by.to > 0 && !c.ac.set) {
			return errFormat("Huffman table missing")
		}
	}
	return d.blocks(parts, by)
}

func (d *decoder) find(id byte) *component {
	for i := range d.comps {
		if d.comps[i].id == id {
			return &d.comps[i]
		}
	}
	return nil
}

// blocks goes over the blocks of a scan, in the order of A.2. A scan that ends early leaves the rest as it is.
func (d *decoder) blocks(parts []*component, by band) error {
	wide, high := ceil(d.width, 8*d.hMax), ceil(d.high, 8*d.vMax)
	alone := len(parts) == 1
	if alone {
		wide, high = parts[0].wide, parts[0].high
	}
	d.src.begin()
	d.reset(parts)
	left := d.restart
	for y := range high {
		for x := range wide {
			if d.restart > 0 && left == 0 {
				if !d.resume() {
					return nil
				}
				d.reset(parts)
				left = d.restart
			}
			left--
			for _, c := range parts {
				if err := d.unit(c, x, y, alone, by); err != nil && !d.src.ended() {
					return err
				}
			}
			if d.src.ended() { // also where zeros that were made up are no code
				return nil
			}
		}
	}
	return nil
}

// unit reads a component's blocks of one unit (A.2.3).
func (d *decoder) unit(c *component, x, y int, alone bool, by band) error {
	if alone {
		return d.block(c, x, y, by)
	}
	for v := range c.v {
		for h := range c.h {
			if err := d.block(c, x*c.h+h, y*c.v+v, by); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *decoder) reset(parts []*component) {
	d.eobRun = 0
	for _, c := range parts {
		c.last = 0
	}
}

// resume reads the restart marker between two intervals.
func (d *decoder) resume() bool {
	m, err := d.src.nextMarker()
	if err != nil {
		return false
	}
	if m < rst0 || m > rst7 {
		d.src.marker = m
		return false
	}
	d.src.begin()
	return true
}

// block reads one block.
func (d *decoder) block(c *component, x, y int, by band) error {
	at := y*c.across + x
	if !d.progressive {
		return d.sequential(c, x, y)
	}
	b := c.coeffs[at*64 : at*64+64 : at*64+64]
	switch {
	case by.from == 0 && by.high == 0:
		t, err := d.src.symbol(c.dc)
		if err != nil || t > 15 {
			return errFormat("DC of a block")
		}
		c.last += d.src.extended(int(t))
		b[0] = int16(c.last << by.low) //nolint:gosec // what overflows is hostile, and stays grey
		return nil
	case by.from == 0:
		if d.src.bits(1) != 0 {
			b[0] |= 1 << by.low
		}
		return nil
	case by.high == 0:
		return d.first(b, c.ac, by)
	}
	return d.refine(b, c.ac, by)
}

// sequential reads a whole block and transforms it.
func (d *decoder) sequential(c *component, x, y int) error {
	var f [16]int32 // the frequencies that are wanted, side a row
	q, s := &d.quant[c.quant], d.src
	t, err := s.symbol(c.dc)
	if err != nil {
		return err
	}
	if t > 15 {
		return errFormat("DC of a block")
	}
	c.last += s.extended(int(t))
	f[0] = c.last * q[0]
	side := uint8(d.side) //nolint:gosec // 1, 2 or 4
	for k := 1; k < 64; k++ {
		rs, err := s.symbol(c.ac)
		if err != nil {
			return err
		}
		size := int(rs & 15)
		if size == 0 {
			if rs != 0xf0 {
				break
			}
			k += 15
			continue
		}
		if k += int(rs >> 4); k > 63 {
			return errFormat("run beyond a block")
		}
		v := s.extended(size)
		if u, w := natural[k]&7, natural[k]>>3; u < side && w < side {
			f[w*side+u] = v * q[k]
		}
	}
	d.transform(c, x, y, &f)
	return nil
}

// first reads the upper bits of a band (G.1.2.2).
func (d *decoder) first(b []int16, h *huffman, by band) error {
	if d.eobRun > 0 {
		d.eobRun--
		return nil
	}
	for k := by.from; k <= by.to; k++ {
		rs, err := d.src.symbol(h)
		if err != nil {
			return err
		}
		run, size := int(rs>>4), int(rs&15)
		if size == 0 {
			if run != 15 {
				d.eobRun = 1<<run - 1
				if run > 0 {
					d.eobRun += d.src.bits(run)
				}
				return nil
			}
			k += 15
			continue
		}
		if k += run; k > by.to {
			return errFormat("run beyond a band")
		}
		b[k] = int16(d.src.extended(size) << by.low) //nolint:gosec // see block
	}
	return nil
}

// refine reads one more bit of a band (G.1.2.3).
func (d *decoder) refine(b []int16, h *huffman, by band) error {
	delta := int16(1) << by.low
	k := by.from
	if d.eobRun == 0 {
	loop:
		for ; k <= by.to; k++ {
			rs, err := d.src.symbol(h)
			if err != nil {
				return err
			}
			run, size := int(rs>>4), int(rs&15)
			var fresh int16
			switch size {
			case 0:
				if run != 15 {
					d.eobRun = 1 << run
					if run > 0 {
						d.eobRun += d.src.bits(run)
					}
					break loop
				}
			case 1:
				fresh = delta
				if d.src.bits(1) == 0 {
					fresh = -delta
				}
			default:
				return errFormat("refinement of more than a bit")
			}
			if k = d.nonZeroes(b, k, by.to, run, delta); fresh != 0 {
				if k > by.to {
					return errFormat("run beyond a band")
				}
				b[k] = fresh
			}
		}
	}
	if d.eobRun > 0 {
		d.eobRun--
		d.nonZeroes(b, k, by.to, -1, delta)
	}
	return nil
}

// nonZeroes refines what is not zero and stops behind run zeros; run -1 goes to the end.
func (d *decoder) nonZeroes(b []int16, k, to, run int, delta int16) int {
	for ; k <= to; k++ {
		if b[k] == 0 {
			if run == 0 {
				break
			}
			run--
			continue
		}
		if d.src.bits(1) == 0 {
			continue
		}
		if b[k] >= 0 {
			b[k] += delta
		} else {
			b[k] -= delta
		}
	}
	return k
}
