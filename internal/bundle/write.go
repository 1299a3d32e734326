package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"paicha/internal/audit"
	"paicha/internal/store"
	"paicha/media"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Originals opens photos by hash, or returns media.ErrNotFound, or media.ErrExpired for one that is being removed after
// its period; media.Viewer is one.
type Originals interface {
	Original(ctx context.Context, h media.SHA256) (io.ReadSeekCloser, int64, error)
}

// Contents are what a bundle is made of. Whoever gives them has decided what the reader may see.
type Contents struct {
	Kind, ID string
	At       time.Time // server time
	By       string    // user id
	Records  []Doc
	Photos   []Wanted
	Further  []Extra
	Key      *audit.Key // signs the manifest; nil: it stays unsigned
}

// Doc is one record. Restricted is nil for readers who are no supervisors.
type Doc struct {
	Kind, ID         string
	Rev              uint64
	Body, Restricted []byte
}

// Wanted is one photo that the records name.
type Wanted struct {
	SHA256   media.SHA256
	Type     media.Type
	Received bool
	Erased   bool // after its period
}

// Extra is a further file, of a plain name such as "attestation.json".
type Extra struct {
	Name  string
	Write func(io.Writer) error
}

// Write streams a bundle. A photo that is not there becomes a line of the manifest; every other error ends the stream,
// which is then no bundle: it lacks its directory.
func Write(ctx context.Context, w io.Writer, c Contents, from Originals) error {
	b := writer{zip: zip.NewWriter(w), at: c.At.UTC(), manifest: Manifest{
		Format: Format, Version: Version, Kind: c.Kind, ID: c.ID, ExportedAt: c.At.UTC().Truncate(time.Millisecond), ExportedBy: c.By,
		Files: []File{}, Missing: []Missing{},
	}}
	if c.Key != nil {
		b.manifest.Key = c.Key.Verifier
	}
	for _, d := range c.Records {
		at := File{Name: "records/" + d.Kind + "/" + plain(d.ID) + ".json", Role: Record, Kind: d.Kind, ID: d.ID, Rev: d.Rev}
		if err := b.copy(at, zip.Deflate, bytes.NewReader(d.Body)); err != nil {
			return err
		}
		if d.Restricted != nil {
			at.Name, at.Role = "records/"+d.Kind+"/"+plain(d.ID)+".restricted.json", Restricted
			if err := b.copy(at, zip.Deflate, bytes.NewReader(d.Restricted)); err != nil {
				return err
			}
		}
	}
	for _, x := range c.Further {
		var out bytes.Buffer
		if err := x.Write(&out); err != nil {
			return err
		}
		if err := b.copy(File{Name: x.Name, Role: Further}, zip.Deflate, &out); err != nil {
			return err
		}
	}
	for _, p := range c.Photos {
		if err := b.photo(ctx, p, from); err != nil {
			return err
		}
	}
	if err := b.finish(c.Key); err != nil {
		return err
	}
	return b.zip.Close()
}

// finish writes the manifest and its signature.
func (b *writer) finish(key *audit.Key) error {
	f, err := b.create(ManifestName, zip.Deflate)
	if err != nil {
		return err
	}
	sum := sha256.New()
	if err := json.MarshalWrite(io.MultiWriter(f, sum), b.manifest, jsontext.WithIndent("  ")); err != nil || key == nil {
		return err
	}
	signed, err := key.Sign(signedText(media.SHA256(sum.Sum(nil))))
	if err != nil {
		return err
	}
	if f, err = b.create(SignatureName, zip.Deflate); err != nil {
		return err
	}
	_, err = f.Write(signed)
	return err
}

// signedText is what is signed of a manifest. Its first line differs from that of every head that the key signs.
func signedText(manifest media.SHA256) string {
	return "paicha evidence bundle\nsha256 " + manifest.String() + "\n"
}

type writer struct {
	zip      *zip.Writer
	at       time.Time
	manifest Manifest
}

func (b *writer) create(name string, method uint16) (io.Writer, error) {
	return b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: b.at})
}

// photo copies one original as it is: photos do not get smaller.
func (b *writer) photo(ctx context.Context, p Wanted, from Originals) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !p.Received {
		b.manifest.Missing = append(b.manifest.Missing, Missing{p.SHA256, NotReceived})
		return nil
	}
	var r io.ReadCloser
	err := error(media.ErrExpired)
	if !p.Erased {
		r, _, err = from.Original(ctx, p.SHA256)
	}
	if errors.Is(err, media.ErrExpired) {
		b.manifest.Missing = append(b.manifest.Missing, Missing{p.SHA256, Expired})
		return nil
	}
	if errors.Is(err, media.ErrNotFound) {
		b.manifest.Missing = append(b.manifest.Missing, Missing{p.SHA256, Lost})
		return nil
	}
	if err != nil {
		return err
	}
	err = b.copy(File{Name: "photos/" + p.SHA256.String() + extension(p.Type), Role: Photo}, zip.Store, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if last := &b.manifest.Files[len(b.manifest.Files)-1]; last.SHA256 != p.SHA256 {
		h := p.SHA256
		last.Named = &h
	}
	return nil
}

// copy writes a file and enters what was written.
func (b *writer) copy(f File, method uint16, r io.Reader) error {
	w, err := b.create(f.Name, method)
	if err != nil {
		return err
	}
	sum := sha256.New()
	if f.Size, err = io.Copy(io.MultiWriter(w, sum), r); err != nil {
		return err
	}
	f.SHA256 = media.SHA256(sum.Sum(nil))
	b.manifest.Files = append(b.manifest.Files, f)
	return nil
}

// plain makes a part of a name of an id, whatever is in it.
func plain(id string) string {
	if store.Plain(id) && len(id) <= 64 {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

func extension(t media.Type) string {
	switch t {
	case media.JPEG:
		return ".jpg"
	case media.PNG:
		return ".png"
	case media.WebP:
		return ".webp"
	case media.HEIC:
		return ".heic"
	case media.MP4:
		return ".mp4"
	case media.PDF:
		return ".pdf"
	}
	return ".bin"
}
