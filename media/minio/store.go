package minio

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"paicha/media"

	s3 "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Options say where the store is and what is wanted of it.
type Options struct {
	Endpoint     string // http://host:port or https://host[:port], no path
	Region       string // us-east-1 if empty, which is what stores of one's own usually want
	AccessKey    string
	SecretKey    string
	SessionToken string // of temporary credentials; else empty

	Bucket  string // of the originals; made if it is missing
	Working string // of staging and pictures; the same bucket if empty; made if it is missing
	Prefix  string // before every name, so that several installations can share a bucket

	// Spool is a folder on a local disk where what arrives waits for its turn; the system's if empty. It must have room
	// for every photo that is on its way to this process at one time. Nothing in it outlives the process.
	Spool string

	// Retain has the store refuse to delete or replace an original before that time has passed, by anybody at all
	// (object lock in compliance mode). 0 is no lock. It needs a bucket that was made with object lock, and a working
	// bucket of its own.
	Retain time.Duration

	// Public is how clients reach the store, in the form of Endpoint; empty: they cannot, and no links are made.
	Public string

	Timeout  time.Duration // of a small request, and of silence in the middle of a large one; 15 seconds if zero
	Attempts int           // how often a request is made before its failure is told; 3 if zero

	Now       func() time.Time  // for dates of retention; time.Now if nil
	Transport http.RoundTripper // the package's own if nil
}

// Store is everything that the store keeps: photos, unfinished uploads, pictures. Any number of processes may have it
// open at once.
type Store struct {
	opt    Options
	client s3.Core
	spools spools
	sums   bool // the store keeps the SHA-256 beside an object that it is given with
	locked bool // the bucket of originals has object lock

	blobs   Blobs
	staging Staging
	derived Derived
	links   media.Linker
}

// Open connects to the store, makes missing buckets and tries whether the store can do what evidence needs. It returns
// media.ErrStorage if the store cannot be reached or refuses, and media.ErrStoreUnfit if it lacks something, with all
// that it lacks in its sentence.
func Open(ctx context.Context, opt Options) (*Store, error) {
	opt.Region = cmp.Or(opt.Region, "us-east-1")
	opt.Working = cmp.Or(opt.Working, opt.Bucket)
	opt.Spool = cmp.Or(opt.Spool, os.TempDir())
	opt.Timeout = cmp.Or(opt.Timeout, 15*time.Second)
	opt.Attempts = max(cmp.Or(opt.Attempts, 3), 1)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	opt.Transport = &patient{next: cmp.Or(opt.Transport, transport(opt.Timeout)), patience: opt.Timeout}
	s := &Store{opt: opt}
	s.blobs.store, s.derived.store = s, s
	s.staging = Staging{store: s, heads: map[media.UploadID]knownHead{}, held: map[media.UploadID]*held{}}
	if opt.Retain > 0 && opt.Working == opt.Bucket {
		return nil, media.ErrStoreUnfit.Saying("原件要求保留期时，临时数据必须放在另一个存储桶，请设置工作存储桶")
	}
	var err error
	if s.spools, err = openSpools(opt.Spool); err != nil {
		return nil, media.ErrStorage.Saying("照片暂存目录 %s 无法写入", opt.Spool).Because(err)
	}
	if s.client, err = dial(opt.Endpoint, opt); err != nil {
		return nil, media.ErrStorage.Saying("照片存储的地址 %q 不正确，应为 http://主机:端口 或 https://主机", opt.Endpoint).Because(err)
	}
	if opt.Public != "" {
		public, err := dial(opt.Public, opt)
		if err != nil {
			return nil, media.ErrStorage.Saying("照片存储的对外地址 %q 不正确", opt.Public).Because(err)
		}
		s.links = &links{store: s, client: public}
	}
	if err := s.probe(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// dial makes a client of the address; nothing is sent yet. The library's own retries are off: see attempt.
func dial(address string, opt Options) (s3.Core, error) {
	u, err := url.Parse(address)
	if err != nil {
		return s3.Core{}, err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return s3.Core{}, errors.New("not an address of the form http://host:port")
	}
	c, err := s3.NewCore(u.Host, &s3.Options{
		Creds:  credentials.NewStaticV4(opt.AccessKey, opt.SecretKey, opt.SessionToken),
		Secure: u.Scheme == "https", Region: opt.Region, Transport: opt.Transport, MaxRetries: 1,
	})
	if err != nil {
		return s3.Core{}, err
	}
	return *c, nil
}

// Blobs returns the photos.
func (s *Store) Blobs() *Blobs { return &s.blobs }

// Staging returns the unfinished uploads.
func (s *Store) Staging() *Staging { return &s.staging }

// Derived returns the pictures.
func (s *Store) Derived() *Derived { return &s.derived }

// Links returns what makes addresses for clients, or nil if they cannot reach the store.
func (s *Store) Links() media.Linker { return s.links }

// Close lets go of connections and of what waits for a Commit: nothing of that was acknowledged.
func (s *Store) Close() error {
	s.staging.dropAll()
	if t, ok := s.opt.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// name is the key of an object.
func (s *Store) name(parts ...string) string { return s.opt.Prefix + strings.Join(parts, "/") }
