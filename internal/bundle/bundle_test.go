package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"paicha/internal/fault"
	"paicha/media"
)

// shelf holds photos in memory.
type shelf map[media.SHA256][]byte

type file struct{ *bytes.Reader }

func (file) Close() error { return nil }

func (s shelf) Original(_ context.Context, h media.SHA256) (io.ReadSeekCloser, int64, error) {
	b, ok := s[h]
	if !ok {
		return nil, 0, media.ErrNotFound
	}
	return file{bytes.NewReader(b)}, int64(len(b)), nil
}

var at = time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)

// sample is a bundle with n photos.
func sample(t testing.TB, n int) (Contents, shelf) {
	t.Helper()
	s := shelf{}
	e := media.Evidence{Inspection: "insp-1"}
	c := Contents{Kind: "inspection", ID: "insp-1", At: at, By: "chief"}
	for i := range n {
		b := []byte(fmt.Sprintf("photo %d", i))
		h := media.Sum(b)
		s[h] = b
		e, _ = e.Receive(media.Arrived{SHA256: h, Size: int64(len(b)), At: at})
		c.Photos = append(c.Photos, Wanted{SHA256: h, Type: media.JPEG, Received: true})
	}
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	c.Records = []Doc{
		{Kind: "inspection", ID: "insp-1", Rev: 3, Body: []byte(`{"id":"insp-1"}`), Restricted: []byte(`{"remarks":[]}`)},
		{Kind: "evidence", ID: "insp-1", Rev: 2, Body: body},
	}
	return c, s
}

func pack(t testing.TB, c Contents, s Originals) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(t.Context(), &b, c, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func check(t testing.TB, b []byte) Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// has reports whether a fact of that code has failed.
func (r Report) has(code string) bool {
	for _, f := range r.Facts {
		if f.Code == code && f.State == "failed" {
			return true
		}
	}
	return false
}

func TestBundleIsWhole(t *testing.T) {
	c, s := sample(t, 5)
	r := check(t, pack(t, c, s))
	if !r.Whole || r.Verified || r.Signatures != nil || r.ID != "insp-1" || len(r.Manifest.Files) != 8 || r.Manifest.ExportedBy != "chief" {
		t.Errorf("%+v", r)
	}
}

func TestWhatTheServerLacksIsSaid(t *testing.T) {
	c, s := sample(t, 4)
	c.Photos[0].Received = false
	delete(s, c.Photos[1].SHA256)
	s[c.Photos[2].SHA256] = []byte("rotten")
	r := check(t, pack(t, c, s))
	if r.Whole || len(r.Manifest.Missing) != 2 || !r.has("damaged") || !r.has("missing") {
		t.Errorf("%+v", r)
	}
}

// TestExpiredPhotoIsNoLoss, if the evidence says so itself: the manifest's word alone is nobody's.
func TestExpiredPhotoIsNoLoss(t *testing.T) {
	for _, said := range []bool{true, false} {
		c, s := sample(t, 3)
		h := c.Photos[1].SHA256
		delete(s, h)
		c.Photos[1].Erased = true
		if said {
			e, err := media.ParseEvidence(c.Records[1].Body)
			if err != nil {
				t.Fatal(err)
			}
			e, _ = e.Erase(h, media.Erasure{At: at, Class: media.ClassGeneral})
			if c.Records[1].Body, err = json.Marshal(e); err != nil {
				t.Fatal(err)
			}
		}
		r := check(t, pack(t, c, s))
		if r.Whole != said || len(r.Manifest.Missing) != 1 || r.Manifest.Missing[0] != (Missing{h, Expired}) || r.has("missing") == said {
			t.Errorf("said by the evidence %v: %+v", said, r)
		}
	}
}

func TestAFailingStoreEndsTheStream(t *testing.T) {
	c, _ := sample(t, 1)
	var b bytes.Buffer
	if err := Write(t.Context(), &b, c, broken{}); !errors.Is(err, media.ErrStorage) {
		t.Fatal(err)
	}
	if _, err := Verify(bytes.NewReader(b.Bytes()), int64(b.Len())); !errors.Is(err, ErrForm) {
		t.Error(err)
	}
}

type broken struct{}

func (broken) Original(context.Context, media.SHA256) (io.ReadSeekCloser, int64, error) {
	return nil, 0, media.ErrStorage
}

// again writes an archive anew, with what change makes of its files.
func again(t testing.TB, b []byte, change func(h *zip.FileHeader, content []byte) []byte, more ...string) []byte {
	t.Helper()
	from, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(h *zip.FileHeader, content []byte) {
		f, err := w.CreateHeader(h)
		if err == nil && !strings.HasSuffix(h.Name, "/") {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range from.File {
		content, err := contents(f, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		h := &zip.FileHeader{Name: f.Name, Method: f.Method}
		if content = change(h, content); content != nil {
			add(h, content)
		}
	}
	for _, name := range more {
		add(&zip.FileHeader{Name: name, Method: zip.Store}, []byte("x"))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestTampering changes one thing at a time: a report says so, or it is no bundle.
func TestTampering(t *testing.T) {
	c, s := sample(t, 3)
	good := pack(t, c, s)
	keep := func(_ *zip.FileHeader, b []byte) []byte { return b }
	on := func(prefix string, change func(h *zip.FileHeader, b []byte) []byte) func(*zip.FileHeader, []byte) []byte {
		done := false
		return func(h *zip.FileHeader, b []byte) []byte {
			if done || !strings.HasPrefix(h.Name, prefix) {
				return b
			}
			done = true
			return change(h, b)
		}
	}
	words := func(old, new string) func(*zip.FileHeader, []byte) []byte {
		return on(ManifestName, func(_ *zip.FileHeader, b []byte) []byte {
			out := bytes.Replace(b, []byte(old), []byte(new), 1)
			if bytes.Equal(out, b) {
				t.Fatalf("no %s in %s", old, b)
			}
			return out
		})
	}
	first := c.Photos[0].SHA256.String()
	for _, x := range []struct {
		name string
		b    []byte
		code string // of a fact, or of an error
	}{
		{"PhotoChanged", again(t, good, on("photos/", func(_ *zip.FileHeader, b []byte) []byte { return bytes.ToUpper(b) })), "file"},
		{"PhotoShorter", again(t, good, on("photos/", func(_ *zip.FileHeader, b []byte) []byte { return b[1:] })), "file"},
		{"PhotoPacked", again(t, good, on("photos/", func(h *zip.FileHeader, b []byte) []byte { h.Method = zip.Deflate; return b })), "file"},
		{"PhotoGone", again(t, good, on("photos/", func(*zip.FileHeader, []byte) []byte { return nil })), "file"},
		{"RecordChanged", again(t, good, on("records/", func(_ *zip.FileHeader, b []byte) []byte { return bytes.ToUpper(b) })), "file"},
		{"FileAdded", again(t, good, keep, "photos/more.jpg"), "extra"},
		{"FileTwice", again(t, good, keep, "records/evidence/insp-1.json"), ErrForm.Code},
		{"PathUp", again(t, good, keep, "../etc/passwd"), ErrForm.Code},
		{"PathRoot", again(t, good, keep, "/etc/passwd"), ErrForm.Code},
		{"PathWindows", again(t, good, keep, `photos\x.jpg`), ErrForm.Code},
		{"PathDouble", again(t, good, keep, "photos//x.jpg"), ErrForm.Code},
		{"Folder", again(t, good, keep, "photos/"), ErrForm.Code},
		{"OddName", again(t, good, keep, "photos/\u202egpj.exe"), ErrForm.Code},
		{"Link", again(t, good, on("photos/", func(h *zip.FileHeader, b []byte) []byte { h.SetMode(os.ModeSymlink | 0o777); return b })), ErrForm.Code},
		{"NoManifest", again(t, good, on(ManifestName, func(*zip.FileHeader, []byte) []byte { return nil })), ErrForm.Code},
		{"ManifestNoJSON", again(t, good, on(ManifestName, func(*zip.FileHeader, []byte) []byte { return []byte("{") })), ErrForm.Code},
		{"ManifestDoubledMember", again(t, good, words(`"version": 1`, `"version": 1, "version": 1`)), ErrForm.Code},
		{"OtherFormat", again(t, good, words(Format, "zip")), ErrForm.Code},
		{"OtherVersion", again(t, good, words(`"version": 1`, `"version": 2`)), ErrVersion.Code},
		{"ListedTwice", again(t, good, words("photos/"+first, "photos/"+c.Photos[1].SHA256.String())), "file"},
		{"NegativeSize", again(t, good, words(`"size": 15`, `"size": -1`)), "file"},
		{"HidesALoss", again(t, again(t, good, on("photos/", func(*zip.FileHeader, []byte) []byte { return nil })), dropListed), "photo"},
		{"Bomb", again(t, good, on("records/", func(_ *zip.FileHeader, _ []byte) []byte { return make([]byte, maxRecord+1) })), ErrTooLarge.Code},
		{"Cut", good[:len(good)-30], ErrForm.Code},
		{"Nothing", nil, ErrForm.Code},
		{"NoZip", bytes.Repeat([]byte("PK"), 100), ErrForm.Code},
		{"ManyAnnounced", announce(good, 1<<40), ErrTooLarge.Code},
	} {
		t.Run(x.name, func(t *testing.T) {
			r, err := Verify(bytes.NewReader(x.b), int64(len(x.b)))
			if err != nil {
				if got := fault.Of(err).Code; got != x.code {
					t.Errorf("%s, want %s: %v", got, x.code, err)
				}
				return
			}
			if r.Whole || r.Verified || !r.has(x.code) {
				t.Errorf("want %s: %+v", x.code, r)
			}
		})
	}
}

// dropListed takes the first photo out of the manifest.
func dropListed(h *zip.FileHeader, b []byte) []byte {
	if h.Name != ManifestName {
		return b
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	for i, f := range m.Files {
		if f.Role == Photo {
			m.Files = append(m.Files[:i], m.Files[i+1:]...)
			break
		}
	}
	out, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return out
}

// announce puts before the end of an archive a record that claims n files.
func announce(b []byte, n uint64) []byte {
	i := bytes.LastIndex(b, endMark)
	out := bytes.Clone(b[:i])
	where := uint64(len(out))
	end64 := append([]byte("PK\x06\x06"), make([]byte, end64Size-4)...)
	locator := append([]byte("PK\x06\x07"), make([]byte, locatorSize-4)...)
	for j := range 8 {
		end64[end64Count+j] = byte(n >> (8 * j))
		locator[8+j] = byte(where >> (8 * j))
	}
	return append(append(append(out, end64...), locator...), b[i:]...)
}

func FuzzVerify(f *testing.F) {
	c, s := sample(f, 2)
	good := pack(f, c, s)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(announce(good, 1<<40))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Verify(bytes.NewReader(b), int64(len(b)))
		if err != nil && fault.Of(err).Code == "" {
			t.Errorf("no code: %v", err)
		}
		if r.Verified {
			t.Error("verified without signatures")
		}
	})
}

// endless makes photos of its own: 64 KiB of one number.
type endless struct{ byHash map[media.SHA256]int }

const endlessSize = 64 << 10

type made struct{ left, n int }

func (m *made) Read(p []byte) (int, error) {
	if m.left == 0 {
		return 0, io.EOF
	}
	k := min(len(p), m.left)
	for i := range p[:k] {
		p[i] = byte(m.n >> (8 * ((m.left - i) & 1)))
	}
	m.left -= k
	return k, nil
}

func (*made) Seek(int64, int) (int64, error) { return 0, errors.ErrUnsupported }
func (*made) Close() error                   { return nil }

func (e endless) Original(_ context.Context, h media.SHA256) (io.ReadSeekCloser, int64, error) {
	return &made{endlessSize, e.byHash[h]}, endlessSize, nil
}

// peak samples the heap at every so many bytes.
type peak struct {
	w       io.Writer
	n, next int64
	most    uint64
}

func (p *peak) Write(b []byte) (int, error) {
	if p.n += int64(len(b)); p.n >= p.next {
		p.next = p.n + 128<<20
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		p.most = max(p.most, m.HeapAlloc)
	}
	return p.w.Write(b)
}

// TestSixteenThousandPhotosInBoundedMemory writes and checks a gigabyte; the heap holds names, not photos.
func TestSixteenThousandPhotosInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a gigabyte")
	}
	const n = 16_000
	from := endless{map[media.SHA256]int{}}
	c := Contents{Kind: "hazard", ID: "haz-1", At: at}
	for i := range n {
		sum := sha256.New()
		if _, err := io.Copy(sum, &made{endlessSize, i}); err != nil {
			t.Fatal(err)
		}
		h := media.SHA256(sum.Sum(nil))
		from.byHash[h] = i
		c.Photos = append(c.Photos, Wanted{SHA256: h, Type: media.JPEG, Received: true})
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "bundle.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	p := &peak{w: f}
	if err := Write(t.Context(), p, c, from); err != nil {
		t.Fatal(err)
	}
	const allowed = 48 << 20
	if grown := p.most - min(p.most, before.HeapAlloc); grown > allowed {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	} else {
		t.Logf("%d MiB written, the heap grew by %d KiB", p.n>>20, grown>>10)
	}
	r, err := Verify(f, p.n)
	if err != nil || !r.Whole || len(r.Manifest.Files) != n {
		t.Fatalf("%v %+v", err, r.Facts)
	}
}
