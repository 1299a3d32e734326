package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
)

// photo makes a JPEG of a working place that does not exist: a lamp's light on noise. Each seed gives other bytes, and
// the noise makes it too large for one piece of an upload (about 0.3 MB).
func photo(seed uint64) ([]byte, error) {
	const width, height = 960, 720
	noise := rand.New(rand.NewPCG(seed, 5325)) //nolint:gosec // a picture, no secret
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	lampX, lampY := width/4+noise.IntN(width/2), height/4+noise.IntN(height/2)
	for y := range height {
		for x := range width {
			dx, dy := x-lampX, y-lampY
			light := max(20, 230-(dx*dx+dy*dy)/500)
			shade := func(tint int) uint8 { return uint8(min(255, max(0, light-tint+noise.IntN(60)-30))) } //nolint:gosec // bounded
			img.SetRGBA(x, y, color.RGBA{shade(0), shade(15), shade(50), 255})
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 92})
	return b.Bytes(), err
}
