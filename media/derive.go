package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"sync"
	"time"

	"github.com/disintegration/imaging"
)

// MaxPixels bounds what is decoded: 50 million pixels are at most 400 MB in memory, and a JPEG that would need more,
// as a progressive one without subsampling, is refused at fewer pixels.
const MaxPixels = 50_000_000

// maxQueue bounds the photos that wait for their pictures; the rest is made when somebody asks.
const maxQueue = 10_000

// Deriver makes thumbnail and preview off the request path, two photos at a time. What it has not made when the
// process ends is made when it is asked for again: the queue is not kept.
type Deriver struct {
	Blobs   Blobs
	Derived Derivatives
	Busy    func() bool         // true while requests need the processor more; may be nil
	Pause   <-chan time.Time    // ticks at which Busy is asked again; needed with Busy
	Report  func(SHA256, error) // told how each photo ended; may be nil

	mu     sync.Mutex
	queue  []SHA256
	queued map[SHA256]bool // waiting or being made
	failed map[SHA256]bool // no picture can be made of these; bounded by maxQueue, forgotten with the process
	wake   chan struct{}
}

// workers is how many photos are decoded at once: each may take 400 MB.
const workers = 2

func (d *Deriver) bell() chan struct{} {
	if d.wake == nil {
		d.wake, d.queued = make(chan struct{}, workers), map[SHA256]bool{}
	}
	return d.wake
}

// Enqueue asks for the pictures of a photo; a photo that waits already waits once. ErrQueueFull when too many wait,
// ErrNoPreview if it was tried and no picture can be made.
func (d *Deriver) Enqueue(h SHA256) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	bell := d.bell()
	if d.failed[h] {
		return ErrNoPreview
	}
	if d.queued[h] {
		return nil
	}
	if len(d.queue) >= maxQueue {
		return ErrQueueFull
	}
	d.queue = append(d.queue, h)
	d.queued[h] = true
	select {
	case bell <- struct{}{}:
	default:
	}
	return nil
}

// Waiting returns how many photos wait.
func (d *Deriver) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.queue)
}

// Run works until ctx ends. Call it once.
func (d *Deriver) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { d.work(ctx) })
	}
	wg.Wait()
}

func (d *Deriver) work(ctx context.Context) {
	d.mu.Lock()
	bell := d.bell()
	d.mu.Unlock()
	for ctx.Err() == nil {
		for d.Busy != nil && d.Busy() {
			select {
			case <-d.Pause:
			case <-ctx.Done():
				return
			}
		}
		h, ok := d.next()
		if !ok {
			select {
			case <-bell:
			case <-ctx.Done():
				return
			}
			continue
		}
		err := d.Make(ctx, h)
		d.mu.Lock()
		delete(d.queued, h)
		if errors.Is(err, ErrNoPreview) {
			if d.failed == nil || len(d.failed) >= maxQueue {
				d.failed = map[SHA256]bool{}
			}
			d.failed[h] = true
		}
		d.mu.Unlock()
		if d.Report != nil {
			d.Report(h, err)
		}
	}
}

func (d *Deriver) next() (SHA256, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		return SHA256{}, false
	}
	h := d.queue[0]
	d.queue = d.queue[1:]
	return h, true
}

// Make makes both pictures of a photo now. ErrNotFound without the photo, ErrNoPreview if it is no picture that can be
// decoded, or one of too many pixels or scans; ctx's error when it ends first, in the midst of decoding too.
func (d *Deriver) Make(ctx context.Context, h SHA256) error {
	f, size, err := d.Blobs.Open(ctx, h)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	pictures, err := derive(ctx, f, size)
	if err != nil {
		return err
	}
	for _, name := range SizeNames() {
		if err := d.Derived.PutDerived(ctx, h, name, pictures[name]); err != nil {
			return err
		}
	}
	return nil
}

// derive decodes once, makes the preview, and the thumbnail from the preview.
func derive(ctx context.Context, f io.ReadSeeker, size int64) (pictures map[SizeName][]byte, err error) {
	defer func() {
		if p := recover(); p != nil { // decoders of hostile pictures
			pictures, err = nil, ErrNoPreview.Because(fmt.Errorf("panic: %v", p))
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	photo, err := Look(f, size)
	if errors.Is(err, ErrTypeUnsupported) {
		return nil, ErrNoPreview.Because(err)
	}
	if err != nil {
		return nil, err
	}
	if photo.Width <= 0 || photo.Height <= 0 || int64(photo.Width)*int64(photo.Height) > MaxPixels {
		return nil, ErrNoPreview.Because(fmt.Errorf("%s of %d × %d pixels", photo.Type, photo.Width, photo.Height))
	}
	source := &cancellable{ctx, f}
	if photo.Type == JPEG {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, ErrStorage.Because(err)
		}
		if j := readFrame(source); j.scans > maxScans || j.memory() > maxMemory {
			return nil, ErrNoPreview.Because(fmt.Errorf("JPEG of %d or more scans, %d bytes to decode", j.scans, j.memory()))
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, ErrStorage.Because(err)
	}
	img, err := decode(source, photo)
	if cerr := ctx.Err(); cerr != nil { // the photo is not to blame
		return nil, cerr
	}
	if err != nil {
		return nil, ErrNoPreview.Because(err)
	}
	preview := upright(imaging.Fit(img, 1280, 1280, imaging.Lanczos), photo.Facts.Orientation)
	pictures = map[SizeName][]byte{}
	for name, picture := range map[SizeName]image.Image{Preview: preview, Thumb: imaging.Fit(preview, 320, 320, imaging.Lanczos)} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, opaque(picture), &jpeg.Options{Quality: 82}); err != nil {
			return nil, ErrNoPreview.Because(err)
		}
		pictures[name] = b.Bytes()
	}
	return pictures, nil
}

// decode reads the pixels. Of a truncated JPEG, the missing rest is read as zeros, so that what is there can be seen.
func decode(f io.Reader, p Photo) (image.Image, error) {
	if p.Type == JPEG && p.Truncated {
		f = io.MultiReader(f, io.LimitReader(zeros{}, int64(p.Width)*int64(p.Height)), bytes.NewReader([]byte{0xff, 0xd9}))
	}
	img, _, err := image.Decode(f)
	if img == nil && err == nil {
		err = errors.New("no picture")
	}
	return img, err
}

// cancellable is a reader that ends with its context: the only way to stop a decoder.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// upright turns a picture as EXIF orientation (1 to 8) asks.
func upright(img image.Image, orientation int) image.Image {
	switch orientation {
	case 2:
		return imaging.FlipH(img)
	case 3:
		return imaging.Rotate180(img)
	case 4:
		return imaging.FlipV(img)
	case 5:
		return imaging.Transpose(img)
	case 6:
		return imaging.Rotate270(img)
	case 7:
		return imaging.Transverse(img)
	case 8:
		return imaging.Rotate90(img)
	}
	return img
}

// opaque puts a picture on white, as JPEG has no transparency.
func opaque(img image.Image) image.Image {
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		return img
	}
	b := img.Bounds()
	return imaging.Overlay(imaging.New(b.Dx(), b.Dy(), color.White), img, image.Point{}, 1)
}
