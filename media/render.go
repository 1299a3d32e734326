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

	"github.com/disintegration/imaging"

	"paicha/internal/scaledjpeg"
)

// MaxPixels bounds what is decoded: 50 million pixels are at most 400 MB in memory, and a JPEG that would need more,
// as a progressive one without subsampling, is refused at fewer pixels.
const MaxPixels = 50_000_000

// pictures are what is made of one photo.
type pictures struct {
	jpegs map[SizeName][]byte
	print *Print // nil: too flat to have one
}

// plan is a photo that may be decoded, and about how many bytes that takes.
type plan struct {
	photo  Photo
	memory int64
	heic   Converter
	denom  int // a JPEG is decoded at one in this of its size: 1, 2, 4 or 8
}

// survey decides whether a photo may be decoded, before it is: by type, pixels, scans and memory.
func survey(ctx context.Context, f io.ReadSeeker, size int64, heic Converter) (plan, error) {
	if err := ctx.Err(); err != nil {
		return plan{}, err
	}
	photo, err := Look(f, size)
	if errors.Is(err, ErrTypeUnsupported) {
		return plan{}, ErrNoPreview.Because(err)
	}
	if err != nil {
		return plan{}, err
	}
	switch photo.Type {
	case MP4:
		return plan{}, ErrNoPreview.Saying("视频不生成预览图，请查看原件")
	case PDF:
		return plan{}, ErrNoPreview.Saying("PDF 文件不生成预览图，请下载原件查看")
	case HEIC:
		if heic == nil {
			return plan{}, ErrNoPreview.Saying("服务器没有安装 HEIC 解码程序，无法生成预览图，请下载原件查看；建议在平板相机设置中选择“兼容性最佳”（JPEG）")
		}
	}
	pixels := int64(photo.Width) * int64(photo.Height)
	switch {
	case photo.Width <= 0 || photo.Height <= 0:
		return plan{}, ErrNoPreview.Saying("照片的文件头已损坏，无法生成预览图，原件已保存").Because(fmt.Errorf("%s of %d × %d pixels", photo.Type, photo.Width, photo.Height))
	case pixels > MaxPixels:
		return plan{}, ErrNoPreview.Saying("照片有 %d × %d 像素，超过可以生成预览图的上限，请查看原件", photo.Width, photo.Height).
			Because(fmt.Errorf("%s of %d × %d pixels", photo.Type, photo.Width, photo.Height))
	}
	p := plan{photo: photo, memory: 8 * pixels, denom: 1} // PNG of 16 bits a channel
	switch photo.Type {
	case WebP:
		p.memory = 4 * pixels
	case HEIC: // the program's, and what its JPEG takes
		p.memory, p.heic = heicBytes*pixels, heic
		if p.memory > maxMemory {
			return plan{}, ErrNoPreview.Saying("照片有 %d × %d 像素，超过 HEIC 照片可以生成预览图的上限，请查看原件", photo.Width, photo.Height).
				Because(fmt.Errorf("HEIC of %d × %d pixels", photo.Width, photo.Height))
		}
	case JPEG:
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return plan{}, ErrStorage.Because(err)
		}
		j := readFrame(&cancellable{ctx, f})
		if err := ctx.Err(); err != nil {
			return plan{}, err
		}
		if p.memory = j.memory(); j.scans > maxScans || p.memory > maxMemory {
			return plan{}, ErrNoPreview.Saying("这张照片的编码方式过于复杂，不生成预览图，请查看原件").
				Because(fmt.Errorf("JPEG of %d or more scans, %d bytes to decode", j.scans, p.memory))
		}
	}
	if photo.Type == JPEG || photo.Type == HEIC {
		for p.denom < 8 && max(photo.Width, photo.Height)/(2*p.denom) >= previewSide {
			p.denom *= 2
		}
	}
	p.memory += 4 * previewSide * int64(max(photo.Width, photo.Height)) // half-scaled, in the midst of scaling
	return p, nil
}

// Converter makes a JPEG of a HEIC picture, upright as its container says.
type Converter interface {
	JPEG(ctx context.Context, heic io.Reader) ([]byte, error)
}

// heicBytes is about what decoding a pixel of HEIC takes in another program and here.
const heicBytes = 16

const (
	previewSide = 1280
	thumbSide   = 320
)

// errTooSlow is the cause of a photo's own end, as against its context's.
var errTooSlow = fmt.Errorf("longer than %v", longest)

// render decodes once, makes the preview, and the thumbnail from the preview.
func (p plan) render(ctx context.Context, f io.ReadSeeker) (pictures, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return pictures{}, ErrStorage.Because(err)
	}
	inner, cancel := context.WithTimeoutCause(ctx, longest, errTooSlow)
	defer cancel()
	img, err := p.decode(inner, &cancellable{inner, f}, f)
	switch {
	case ctx.Err() != nil: // the photo is not to blame
		return pictures{}, ctx.Err()
	case inner.Err() != nil:
		return pictures{}, ErrNoPreview.Saying("生成预览图所需时间过长，已停止，请查看原件").Because(context.Cause(inner))
	case err != nil:
		return pictures{}, ErrNoPreview.Saying("照片数据已损坏，无法生成预览图，原件已保存").Because(err)
	}
	turn := p.photo.Facts.Orientation
	if p.photo.Type == HEIC {
		turn = 1 // the container turns it, whatever EXIF says (ISO/IEC 23008-12, 6.5.10)
	}
	preview := upright(imaging.Fit(img, previewSide, previewSide, imaging.Lanczos), turn)
	thumb := imaging.Fit(preview, thumbSide, thumbSide, imaging.Lanczos)
	out := pictures{jpegs: map[SizeName][]byte{}}
	for name, picture := range map[SizeName]*image.NRGBA{Preview: preview, Thumb: thumb} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, opaque(picture), &jpeg.Options{Quality: 82}); err != nil {
			return pictures{}, ErrNoPreview.Because(err)
		}
		out.jpegs[name] = b.Bytes()
	}
	if is, ok := PrintOf(opaque(thumb)); ok {
		out.print = &is
	}
	return out, nil
}

// decode reads the pixels, of a large JPEG at a part of its size. The thumbnail that a camera puts into EXIF would be
// cheaper still, and is not looked at: it need not show the photo.
func (p plan) decode(ctx context.Context, r io.Reader, again io.Seeker) (image.Image, error) {
	if p.photo.Type == HEIC {
		return p.convert(ctx, r)
	}
	if p.denom > 1 {
		img, err := scaledjpeg.Decode(r, p.denom)
		if !errors.Is(err, scaledjpeg.ErrUnsupported) {
			return img, err
		}
		if _, err := again.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	return decodeWhole(r, p.photo)
}

// convert decodes what another program made of a HEIC photo, which must have the size that was surveyed.
func (p plan) convert(ctx context.Context, r io.Reader) (image.Image, error) {
	b, err := p.heic.JPEG(ctx, r)
	if err != nil {
		return nil, err
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if c.Width*c.Height != p.photo.Width*p.photo.Height {
		return nil, fmt.Errorf("%d × %d pixels became %d × %d", p.photo.Width, p.photo.Height, c.Width, c.Height)
	}
	if p.denom > 1 {
		return scaledjpeg.Decode(&cancellable{ctx, bytes.NewReader(b)}, p.denom)
	}
	return jpeg.Decode(&cancellable{ctx, bytes.NewReader(b)})
}

// decodeWhole reads all pixels. Of a truncated JPEG, the missing rest is read as zeros, so that what is there can be seen.
func decodeWhole(f io.Reader, p Photo) (image.Image, error) {
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
func upright(img *image.NRGBA, orientation int) *image.NRGBA {
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

// opaque puts a picture on white, as JPEG has no transparency. Without any, the bytes of NRGBA are those of RGBA, which
// the encoder reads three times as fast.
func opaque(img *image.NRGBA) image.Image {
	if !img.Opaque() {
		b := img.Bounds()
		img = imaging.Overlay(imaging.New(b.Dx(), b.Dy(), color.White), img, image.Point{}, 1)
	}
	return &image.RGBA{Pix: img.Pix, Stride: img.Stride, Rect: img.Rect}
}
