package minio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"paicha/internal/fault"
	"paicha/media"
	"paicha/media/blobtest"

	s3 "github.com/minio/minio-go/v7"
)

func TestBlobs(t *testing.T) {
	blobtest.Blobs(t, func(t *testing.T) media.Blobs { return openNamed(t, t.TempDir()).Blobs() })
}

func TestStaging(t *testing.T) {
	blobtest.Staging(t, func(t *testing.T, name string) (media.Staging, media.Blobs) {
		s := openNamed(t, name)
		return s.Staging(), s.Blobs()
	})
}

func TestDerivatives(t *testing.T) {
	blobtest.Derivatives(t, func(t *testing.T, name string) media.Derivatives { return openNamed(t, name).Derived() })
}

func TestShared(t *testing.T) {
	blobtest.Shared(t, func(t *testing.T, name string) (media.Shared, media.Blobs) {
		s := openNamed(t, name)
		return s.Staging(), s.Blobs()
	})
}

// receiver is a server's end of uploads, on a store of its own over the same names.
func receiver(t *testing.T, name string, ids *int) *media.Receiver {
	t.Helper()
	return &media.Receiver{
		Staging: openNamed(t, name).Staging(), Now: time.Now, NewID: func() string { *ids++; return fmt.Sprint("up-", *ids) },
		Limits: media.Limits{Photo: 30 << 20, Chunk: 30 << 20, Keep: time.Hour, Pending: 2},
	}
}

// jpeg is bytes that are taken for a photo.
func jpeg(seed uint64, n int) []byte {
	return append([]byte{0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0}, photo(seed, n)...)
}

// TestTwoServersOneUpload sends one photo by turns through two servers, with a chunk that is damaged on the way, an
// older request that is dead at one server while the other goes on, and a lost answer at the end.
func TestTwoServersOneUpload(t *testing.T) {
	name, ids := t.TempDir(), 0
	a, b := receiver(t, name, &ids), receiver(t, name, &ids)
	body := jpeg(10, 9000)
	n := int64(len(body))
	u, err := a.Create(ctx, media.NewUpload{Owner: "wang", Length: n, Metadata: media.Metadata{SHA256: media.Sum(body), Inspection: "i-1"}})
	mustNot(t, err)
	sum := func(p []byte) media.Checksum {
		c, err := media.ParseChecksum("sha256 " + base64Sum(p))
		mustNot(t, err)
		return c
	}
	u, err = b.Append(ctx, u.ID, "wang", media.Chunk{Checksum: sum(body[:3000]), Body: bytes.NewReader(body[:3000])})
	mustNot(t, err)
	damaged := bytes.Clone(body[3000:6000])
	damaged[7]++
	got, err := a.Append(ctx, u.ID, "wang", media.Chunk{Offset: 3000, Checksum: sum(body[3000:6000]), Body: bytes.NewReader(damaged)})
	if is(t, err, media.ErrChecksum); got.Offset != 3000 {
		t.Fatal(got)
	}
	dead, sender := io.Pipe()
	over := make(chan error)
	go func() {
		_, err := a.Append(ctx, u.ID, "wang", media.Chunk{Offset: 3000, Body: dead, Interrupt: func() { _ = dead.CloseWithError(io.ErrClosedPipe) }})
		over <- err
	}()
	_, err = sender.Write(body[3000:3100])
	mustNot(t, err)
	_, err = b.Info(ctx, u.ID, "li") // a stranger
	is(t, err, media.ErrUploadNotFound)
	got, err = b.Append(ctx, u.ID, "wang", media.Chunk{Offset: 3000, Body: bytes.NewReader(body[3000:6000])})
	if mustNot(t, err); got.Offset != 6000 {
		t.Fatal(got)
	}
	got, err = a.Info(ctx, u.ID, "wang") // evicts the dead one there, whose bytes come too late
	if mustNot(t, err); got.Offset != 6000 {
		t.Fatal(got)
	}
	if err := <-over; err == nil {
		t.Fatal("the dead request went through")
	}
	got, err = a.Append(ctx, u.ID, "wang", media.Chunk{Offset: 6000, Body: bytes.NewReader(body[6000:])})
	if mustNot(t, err); !got.Done || got.Received.Photo.Type != media.JPEG {
		t.Fatal(got)
	}
	again, err := b.Info(ctx, u.ID, "wang")
	if mustNot(t, err); !again.Done || again.Received != got.Received {
		t.Fatalf("%+v\nwant %+v", again.Received, got.Received)
	}
}

// TestWrongPhotoIsVoidOnAllServers completes an upload with other bytes than it declared, in one piece and in two.
func TestWrongPhotoIsVoidOnAllServers(t *testing.T) {
	name, ids := t.TempDir(), 0
	a, b := receiver(t, name, &ids), receiver(t, name, &ids)
	body := jpeg(11, 5000)
	n := int64(len(body))
	for _, cut := range []int64{0, 2000} {
		u, err := a.Create(ctx, media.NewUpload{Owner: "wang", Length: n, Metadata: media.Metadata{SHA256: media.Sum(nil)}})
		mustNot(t, err)
		if cut > 0 {
			_, err = b.Append(ctx, u.ID, "wang", media.Chunk{Body: bytes.NewReader(body[:cut])})
			mustNot(t, err)
		}
		_, err = a.Append(ctx, u.ID, "wang", media.Chunk{Offset: cut, Body: bytes.NewReader(body[cut:])})
		is(t, err, media.ErrHashMismatch)
		_, err = b.Info(ctx, u.ID, "wang")
		is(t, err, media.ErrUploadNotFound)
	}
	left, err := a.Staging.List(ctx)
	if mustNot(t, err); len(left) != 0 {
		t.Fatal(left)
	}
}

// TestPendingIsCountedAnewWhereOthersEndUploads: what another server ended must not count here for ever.
func TestPendingIsCountedAnewWhereOthersEndUploads(t *testing.T) {
	name, ids := t.TempDir(), 0
	a, b := receiver(t, name, &ids), receiver(t, name, &ids)
	now := time.Now()
	a.Now = func() time.Time { return now }
	body := jpeg(12, 100)
	create := func() (media.Upload, error) {
		return a.Create(ctx, media.NewUpload{Owner: "wang", Length: int64(len(body)), Metadata: media.Metadata{SHA256: media.Sum(body)}})
	}
	first, err := create()
	mustNot(t, err)
	_, err = create()
	mustNot(t, err)
	_, err = create()
	is(t, err, media.ErrTooMany)
	_, err = b.Append(ctx, first.ID, "wang", media.Chunk{Body: bytes.NewReader(body)})
	mustNot(t, err)
	_, err = create()
	is(t, err, media.ErrTooMany) // counted a moment ago
	now = now.Add(2 * time.Minute)
	_, err = create()
	mustNot(t, err)
	_, err = create()
	is(t, err, media.ErrTooMany)
	n, err := b.Sweep(ctx)
	if mustNot(t, err); n != 0 {
		t.Fatal(n)
	}
	b.Now = func() time.Time { return now.Add(2 * time.Hour) }
	n, err = b.Sweep(ctx)
	if mustNot(t, err); n != 3 {
		t.Fatal(n)
	}
	now = now.Add(2 * time.Hour)
	_, err = create()
	mustNot(t, err)
}

// TestWhatACrashLeftExpires: pieces without a head belong to nobody.
func TestWhatACrashLeftExpires(t *testing.T) {
	s := openNamed(t, t.TempDir())
	mustNot(t, s.create(ctx, s.opt.Working, s.Staging().pieceKey("lost", 0), small([]byte("x"), ""), 0))
	mustNot(t, s.create(ctx, s.opt.Working, s.Staging().pieceKey("lost", 1), small([]byte("y"), ""), 0))
	_, err := s.Staging().Stat(ctx, "lost")
	is(t, err, media.ErrUploadNotFound)
	all, err := s.Staging().Pending(ctx)
	if mustNot(t, err); len(all) != 0 {
		t.Fatal(all)
	}
	gone, err := s.Staging().Expire(ctx, time.Now().Add(time.Hour))
	if mustNot(t, err); len(gone) != 1 {
		t.Fatal(gone)
	}
	mustNot(t, s.list(ctx, openFolder, func(o listed) { t.Error(o.name) }))
}

// TestManyPiecesAndManyUploads goes past one page of a listing.
func TestManyPiecesAndManyUploads(t *testing.T) {
	s := openNamed(t, t.TempDir())
	const n = page + 50
	body := photo(13, n+10)
	mustNot(t, s.Staging().Create(ctx, "up", int64(len(body)), nil))
	pieces := make([]int, n)
	for i := range pieces {
		pieces[i] = i
	}
	mustNot(t, each(ctx, pieces, func(ctx context.Context, i int) error {
		return s.create(ctx, s.opt.Working, s.Staging().pieceKey("up", int64(i)), small(body[i:i+1], ""), 0)
	}))
	st, err := s.Staging().Stat(ctx, "up")
	if mustNot(t, err); st.Offset != n {
		t.Fatal(st.Offset)
	}
	_, err = s.Staging().Append(ctx, "up", n, bytes.NewReader(body[n:]))
	mustNot(t, err)
	mustNot(t, s.Staging().Commit(ctx, "up", media.Sum(body), arrival))
	r, size, err := s.Blobs().Open(ctx, media.Sum(body))
	if !bytes.Equal(all(t, r, size, err), body) {
		t.Fatal("other bytes")
	}
	mustNot(t, s.list(ctx, openFolder, func(o listed) { t.Error(o.name) }))
}

// TestRetainedOriginals: under the store's lock nobody removes or replaces a photo, the administrator neither.
func TestRetainedOriginals(t *testing.T) {
	openNamed(t, t.TempDir()) // makes the bucket, without a lock
	opt := options(t.TempDir())
	opt.Retain = time.Hour
	_, err := Open(ctx, opt)
	is(t, err, media.ErrStoreUnfit) // staging cannot live in the same bucket
	opt.Working = "working"
	_, err = Open(ctx, opt)
	if is(t, err, media.ErrStoreUnfit); !strings.Contains(fault.Of(err).Message, "对象锁定") {
		t.Fatal(fault.Of(err).Message)
	}
	opt.Bucket = "evidence-locked" // made with the lock on
	s := openWith(t, opt)
	openWith(t, opt) // again, and by another process
	b := photo(14, 3000)
	h := media.Sum(b)
	mustNot(t, s.Blobs().Put(ctx, h, 3000, bytes.NewReader(b)))
	mustNot(t, s.Blobs().Put(ctx, h, 3000, bytes.NewReader(b)))
	is(t, s.Blobs().Delete(ctx, h), media.ErrRetained)
	info, err := s.stat(ctx, opt.Bucket, s.blobName(h))
	mustNot(t, err)
	if s.client.PutObjectRetention(ctx, opt.Bucket, s.blobName(h), shorter(info.VersionID)) == nil {
		t.Fatal("the lock was shortened")
	}
	r, n, err := s.Blobs().Open(ctx, h)
	if !bytes.Equal(all(t, r, n, err), b) {
		t.Fatal("other bytes")
	}
	versions := 0
	for o := range s.client.ListObjectsIter(ctx, opt.Bucket, s3.ListObjectsOptions{Prefix: s.blobName(h), WithVersions: true}) {
		mustNot(t, o.Err)
		versions++
	}
	if versions != 1 {
		t.Fatalf("%d versions", versions)
	}
	mustNot(t, s.Staging().Create(ctx, "up", 3000, nil))
	_, err = s.Staging().Append(ctx, "up", 0, bytes.NewReader(b))
	mustNot(t, err)
	mustNot(t, s.Staging().Commit(ctx, "up", h, arrival))

	opt.Retain = 3 * time.Second // dates have whole seconds
	soon := openWith(t, opt)
	c := photo(15, 100)
	mustNot(t, soon.Blobs().Put(ctx, media.Sum(c), 100, bytes.NewReader(c)))
	is(t, soon.Blobs().Delete(ctx, media.Sum(c)), media.ErrRetained)
	time.Sleep(4 * time.Second)
	mustNot(t, soon.Blobs().Delete(ctx, media.Sum(c)))
	_, err = soon.Blobs().Stat(ctx, media.Sum(c))
	is(t, err, media.ErrNotFound)

	opt.Working = opt.Bucket + "-2" // a working bucket that keeps versions
	opt.Retain = 0
	mustNot(t, s.ensure(ctx, opt.Working, true))
	_, err = Open(ctx, opt)
	if is(t, err, media.ErrStoreUnfit); !strings.Contains(fault.Of(err).Message, "版本控制") {
		t.Fatal(fault.Of(err).Message)
	}
}

func shorter(version string) s3.PutObjectRetentionOptions {
	until, mode := time.Now().Add(time.Minute), s3.Compliance
	return s3.PutObjectRetentionOptions{RetainUntilDate: &until, Mode: &mode, VersionID: version, GovernanceBypass: true}
}

func TestLinks(t *testing.T) {
	if openNamed(t, t.TempDir()).Links() != nil {
		t.Fatal("links to a store that clients cannot reach")
	}
	opt := options(t.TempDir())
	opt.Public = opt.Endpoint
	s := openWith(t, opt)
	b := photo(16, 3000)
	h := media.Sum(b)
	mustNot(t, s.Blobs().Put(ctx, h, 3000, bytes.NewReader(b)))
	get := func(link string) (code int, header http.Header, got []byte) {
		t.Helper()
		resp, err := http.Get(link)
		mustNot(t, err)
		defer func() { _ = resp.Body.Close() }()
		got, err = io.ReadAll(resp.Body)
		mustNot(t, err)
		return resp.StatusCode, resp.Header, got
	}
	view := media.Viewer{Links: s.Links()}
	for mime, show := range map[media.Type]string{media.JPEG: "inline", media.PDF: "attachment"} {
		link, _, err := view.Link(ctx, h, mime)
		mustNot(t, err)
		code, header, got := get(link)
		if code != http.StatusOK || !bytes.Equal(got, b) || header.Get("Content-Type") != string(mime) ||
			header.Get("Content-Disposition") != show || !strings.HasPrefix(header.Get("Cache-Control"), "private") {
			t.Fatal(code, header)
		}
		bare, _, _ := strings.Cut(link, "?")
		for _, changed := range []string{
			strings.Replace(link, h.String(), media.Sum(nil).String(), 1),
			strings.Replace(link, show, "x", 1),
			bare,
		} {
			if code, _, _ := get(changed); code != http.StatusForbidden {
				t.Fatal(code, changed)
			}
		}
	}
	link, err := s.Links().Link(ctx, h, media.JPEG, time.Second)
	mustNot(t, err)
	time.Sleep(2500 * time.Millisecond)
	if code, _, _ := get(link); code != http.StatusForbidden {
		t.Fatal("it is good for ever:", code)
	}
	_, err = s.Links().Link(ctx, h, media.JPEG, time.Hour)
	is(t, err, media.ErrStorage)
	if link, _, err := (media.Viewer{}).Link(ctx, h, media.JPEG); link != "" || err != nil {
		t.Fatal(link, err)
	}
}
