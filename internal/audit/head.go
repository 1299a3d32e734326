package audit

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
)

// The kinds of the log's own documents. They carry no token: nobody pulls them.
const (
	KindHead    store.Kind = "logHead"
	KindBatch   store.Kind = "logBatch"
	KindTile    store.Kind = "logTile"
	KindSubject store.Kind = "logSubject"
)

// Documents is what the log needs of the store.
type Documents interface {
	Get(ctx context.Context, refs ...store.Ref) ([]store.Doc, error)
	Find(ctx context.Context, q store.Query) (store.Page, error)
	Commit(ctx context.Context, ws []store.Write) ([]store.Outcome, error)
	Now(ctx context.Context) (store.Mark, error)
	Everything(ctx context.Context, m store.Mark, limit store.Limit) (store.Feed, error)
}

// Head is a state of the log that somebody can keep: how many leaves there are and the root of their tree.
type Head struct {
	Size int64
	Root tlog.Hash
	At   time.Time // when its last leaves were added, server time
}

var headRef = store.Ref{Kind: KindHead, ID: "log"}

// headBody is the head's document. Root is of the empty tree while Size is 0.
type headBody struct {
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"`
	At     time.Time `json:"at,omitzero"`
	Cursor cursor    `json:"cursor"`
	Note   string    `json:"note,omitzero"` // the signed head
}

// cursor is how far the feed of all documents was read: up to Mark, or, while Kind is set, in a walk over all documents
// of the kinds with a history, after which the feed goes on from Mark.
type cursor struct {
	Mark  store.Mark `json:"mark,omitzero"`
	Kind  store.Kind `json:"kind,omitzero"`
	After string     `json:"after,omitzero"` // the id that the walk has come to
}

func (h headBody) head() Head { return Head{Size: h.Size, Root: h.Root, At: h.At} }

func (h headBody) tree() tlog.Tree { return tlog.Tree{N: h.Size, Hash: h.Root} }

func readHead(ctx context.Context, docs Documents) (headBody, store.Doc, error) {
	found, err := docs.Get(ctx, headRef)
	if err != nil {
		return headBody{}, store.Doc{}, err
	}
	var h headBody
	if found[0].Rev == 0 {
		empty, err := tlog.TreeHash(0, nil)
		h.Root = empty
		return h, store.Doc{Ref: headRef}, err
	}
	if err := json.Unmarshal(found[0].Body, &h); err != nil {
		return h, found[0], ErrDamaged.Because(err)
	}
	return h, found[0], nil
}

// text is the head as it is signed: a C2SP checkpoint of the name, the size and the root, with the time in a further line.
func (h Head) text(name string) string {
	return fmt.Sprintf("%s\n%d\n%s\ntime %s\n", name, h.Size, base64.StdEncoding.EncodeToString(h.Root[:]), h.At.UTC().Format(time.RFC3339Nano))
}

// sign writes the signed head.
func (h Head) sign(k *Key) (string, error) {
	b, err := k.Sign(h.text(k.Name))
	return string(b), err
}

// OpenHead reads a signed head; errors as of OpenNote, and ErrFile for a note that is no head.
func OpenHead(signed []byte, verifier string) (Head, error) {
	text, err := OpenNote(signed, verifier)
	if err != nil {
		return Head{}, err
	}
	name, _, _ := strings.Cut(strings.TrimSpace(verifier), "+")
	line := strings.Split(text, "\n")
	if len(line) < 5 || line[0] != name {
		return Head{}, ErrFile
	}
	var h Head
	if h.Size, err = strconv.ParseInt(line[1], 10, 64); err != nil || h.Size < 1 {
		return Head{}, ErrFile
	}
	if h.Root, err = tlog.ParseHash(line[2]); err != nil {
		return Head{}, ErrFile.Because(err)
	}
	at, timed := strings.CutPrefix(line[3], "time ")
	if h.At, err = time.Parse(time.RFC3339Nano, at); err != nil || !timed {
		return Head{}, ErrFile
	}
	if h.text(name) != text { // one writing of each head
		return Head{}, ErrFile
	}
	return h, nil
}
