package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"paicha/internal/store"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// format is the version of the layout that this program writes.
const format = 1

const (
	manifestName = "manifest.json"
	progressName = "progress.json"
	photosName   = "photos.jsonl.zst"
	keyName      = "keys/token.key"
	blobsName    = "blobs"
	partial      = ".partial"
)

// Manifest says what a backup holds.
type Manifest struct {
	Format    int           `json:"format"`
	Program   string        `json:"program"` // version of the program that wrote it
	Epoch     string        `json:"epoch"`
	Begun     time.Time     `json:"begun"` // whatever was acknowledged before is in it
	Ended     time.Time     `json:"ended"`
	History   store.History `json:"history"` // with the final watermarks
	Documents Documents     `json:"documents"`
	Photos    Photos        `json:"photos"`
	Key       Key           `json:"key"`
	Check     string        `json:"check"` // SHA-256 of this file with an empty check
}

// Documents are the documents of a backup. Kinds counts each document once, removed ones too.
type Documents struct {
	Count    int                `json:"count"`
	Kinds    map[store.Kind]int `json:"kinds"`
	Segments []File             `json:"segments"`
}

// Photos are the photos of a backup. Absent are those that documents name and that could not be read: they are lost at the
// server, unless a tablet still holds them.
type Photos struct {
	Count  int      `json:"count"`
	Bytes  int64    `json:"bytes"`
	New    int      `json:"new"` // were not in the folder before
	List   File     `json:"list"`
	Absent []string `json:"absent,omitempty"`
}

// Key is the secret that signs sessions and closes cursors: its fingerprint, and its file if it was asked for.
type Key struct {
	Fingerprint string `json:"fingerprint"` // the first 16 digits of the SHA-256 of the key file
	File        File   `json:"file,omitzero"`
}

// Fingerprint names a key file's content without showing it.
func Fingerprint(key []byte) string {
	if len(key) == 0 {
		return ""
	}
	h := sha256.Sum256(key)
	return hex.EncodeToString(h[:8])
}

// text encodes the manifest with its sum.
func (m *Manifest) text() ([]byte, error) {
	m.Check = ""
	b, err := m.encode()
	if err != nil {
		return nil, err
	}
	h := sha256.Sum256(b)
	m.Check = hex.EncodeToString(h[:])
	return m.encode()
}

func (m *Manifest) encode() ([]byte, error) {
	b, err := json.Marshal(m, json.Deterministic(true), jsontext.WithIndent(" "))
	return append(b, '\n'), err
}

// Backup is a complete backup in a folder.
type Backup struct {
	Manifest
	Dir   string // of this backup
	blobs string // of the photos
}

// generation is the form of a backup's name.
var generation = regexp.MustCompile(`^\d{8}T\d{6}Z(-\d+)?$`)

// Open opens the backup at path, or the newest one of the folder at path. ErrNone if there is none, ErrDamaged if its
// manifest is not as it was written, ErrFormat if a newer program wrote it.
func Open(path string) (*Backup, error) {
	if _, err := os.Stat(filepath.Join(path, manifestName)); err == nil {
		return open(path)
	}
	names, err := generations(path)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, ErrNone
	}
	return open(filepath.Join(path, names[len(names)-1]))
}

func open(dir string) (*Backup, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, ErrMedium.Because(err)
	}
	b := &Backup{Dir: abs, blobs: filepath.Join(filepath.Dir(abs), blobsName)}
	name := filepath.Base(abs) + "/" + manifestName
	text, err := os.ReadFile(filepath.Join(abs, manifestName))
	if err != nil {
		return nil, damaged(name, err)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, damaged(name, err)
	}
	if version.Format > format {
		return nil, ErrFormat
	}
	if err := json.Unmarshal(text, &b.Manifest, json.RejectUnknownMembers(true)); err != nil {
		return nil, damaged(name, err)
	}
	same := b.Manifest
	again, err := same.text()
	if err != nil || string(again) != string(text) {
		return nil, damaged(name, errors.Join(err, errors.New("the sum over the manifest is another")))
	}
	return b, nil
}

// generations returns the names of the complete backups of a folder, oldest first.
func generations(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, ErrMedium.Because(err)
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() || !generation.MatchString(e.Name()) {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, e.Name(), manifestName)); err == nil {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

// Prune removes all but the newest keep backups of a folder; 0 keeps all. Photos stay: they are evidence, and the newest
// backup names nearly all of them.
func Prune(folder string, keep int) (removed int, err error) {
	f, err := lock(folder)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	names, err := generations(folder)
	if err != nil || keep <= 0 {
		return 0, err
	}
	for _, n := range names[:max(0, len(names)-keep)] {
		// The manifest goes first, so that no half of a backup is taken for one.
		if err := errors.Join(os.Remove(filepath.Join(folder, n, manifestName)), os.RemoveAll(filepath.Join(folder, n))); err != nil {
			return removed, ErrMedium.Because(err)
		}
		removed++
	}
	return removed, nil
}
