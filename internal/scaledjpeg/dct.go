package scaledjpeg

// transformAll makes the samples of a progressive component from its frequencies.
func (d *decoder) transformAll(c *component) {
	q := &d.quant[c.quant]
	side := uint8(d.side) //nolint:gosec // 1, 2 or 4
	var at [16]int        // of each wanted frequency in zigzag order
	for k, n := range natural {
		if u, w := n&7, n>>3; u < side && w < side {
			at[w*side+u] = k
		}
	}
	var f [16]int32
	for y := range c.down {
		for x := range c.across {
			b := c.coeffs[(y*c.across+x)*64:]
			for i := range d.side * d.side {
				f[i] = int32(b[at[i]]) * q[at[i]]
			}
			d.transform(c, x, y, &f)
		}
	}
}

// The cosines of a DCT of four, times 2048: cos(π/4), cos(π/8) and cos(3π/8).
const (
	c4 = 1448
	c2 = 1892
	c6 = 784
)

// transform writes the samples of a block. A DCT of n of the lowest n × n frequencies of a block of 8 gives its picture
// at n/8, with the factor n/8.
func (d *decoder) transform(c *component, x, y int, f *[16]int32) {
	stride := c.across * d.side
	out := c.plane[y*d.side*stride+x*d.side:]
	switch d.side {
	case 1:
		out[0] = clamp(f[0]+4, 3)
	case 2:
		a, b, e, g := f[0]+f[1], f[0]-f[1], f[2]+f[3], f[2]-f[3]
		out[0], out[1] = clamp(a+e+4, 3), clamp(b+g+4, 3)
		out[stride], out[stride+1] = clamp(a-e+4, 3), clamp(b-g+4, 3)
	case 4:
		if f[1]|f[2]|f[3]|f[4]|f[5]|f[6]|f[7]|f[8]|f[9]|f[10]|f[11]|f[12]|f[13]|f[14]|f[15] == 0 {
			v := clamp(f[0]+4, 3)
			for i := range 4 {
				out[i*stride], out[i*stride+1], out[i*stride+2], out[i*stride+3] = v, v, v, v
			}
			return
		}
		var t [16]int32
		for u := range 4 { // the columns, keeping three bits more
			f0, f1, f2, f3 := f[u], f[4+u], f[8+u], f[12+u]
			e0, e1 := (f0+f2)*c4, (f0-f2)*c4
			o0, o1 := f1*c2+f3*c6, f1*c6-f3*c2
			t[u], t[4+u], t[8+u], t[12+u] = (e0+o0+128)>>8, (e1+o1+128)>>8, (e1-o1+128)>>8, (e0-o0+128)>>8
		}
		for i := range 4 {
			f0, f1, f2, f3 := t[4*i], t[4*i+1], t[4*i+2], t[4*i+3]
			e0, e1 := (f0+f2)*c4, (f0-f2)*c4
			o0, o1 := f1*c2+f3*c6, f1*c6-f3*c2
			row := out[i*stride : i*stride+4 : i*stride+4]
			// 11 and 3 bits of the passes, and a quarter.
			row[0], row[1], row[2], row[3] = clamp(e0+o0+1<<15, 16), clamp(e1+o1+1<<15, 16), clamp(e1-o1+1<<15, 16), clamp(e0-o0+1<<15, 16)
		}
	}
}

// clamp scales a sample down and brings it from around 0 to 0 … 255.
func clamp(v int32, shift uint) byte {
	v = v>>shift + 128
	switch {
	case v < 0:
		return 0
	case v > 255:
		return 255
	}
	return byte(v)
}
