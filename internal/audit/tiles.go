package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
)

// tileHeight cuts the tree into tiles of 64 hashes: 2 KB each, and four to prove a leaf among 16 million. Higher ones
// make the partial tile of each batch larger.
const tileHeight = 6

// tileBody is the document of a tile.
type tileBody struct {
	Hashes []byte `json:"hashes"`
}

func tileRef(t tlog.Tile) store.Ref { return store.Ref{Kind: KindTile, ID: t.Path()} }

// tiles reads tiles of one tree. It keeps those that were proven, up to a bound: one for each call, not for the process.
type tiles struct {
	ctx  context.Context //nolint:containedctx // tlog.TileReader has none; a value lives as long as one call
	docs Documents
	kept map[tlog.Tile][]byte
}

// mostTiles bounds what one call keeps, 8 MB.
const mostTiles = 4096

func newTiles(ctx context.Context, docs Documents) *tiles {
	return &tiles{ctx: ctx, docs: docs, kept: map[tlog.Tile][]byte{}}
}

// hashes reads the stored hashes of a tree, each proven by the tree's root. A tree without leaves has none.
func (t *tiles) hashes(of tlog.Tree) tlog.HashReader {
	if of.N == 0 {
		return tlog.HashReaderFunc(func(want []int64) ([]tlog.Hash, error) {
			return nil, ErrDamaged.Because(fmt.Errorf("hash %v of the empty tree", want))
		})
	}
	r := tlog.TileHashReader(of, t)
	return tlog.HashReaderFunc(func(want []int64) ([]tlog.Hash, error) {
		out, err := r.ReadHashes(want)
		if err != nil && t.failed(err) {
			err = ErrDamaged.Because(err)
		}
		return out, err
	})
}

// failed tells an inconsistent tile from a store that does not answer.
func (t *tiles) failed(err error) bool { return !isFault(err) && t.ctx.Err() == nil }

// Height implements tlog.TileReader.
func (t *tiles) Height() int { return tileHeight }

// ReadTiles implements tlog.TileReader.
func (t *tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(want))
	var refs []store.Ref
	var at []int
	for i, w := range want {
		if out[i] = t.kept[w]; out[i] == nil {
			refs, at = append(refs, tileRef(w)), append(at, i)
		}
	}
	if len(refs) == 0 {
		return out, nil
	}
	docs, err := t.docs.Get(t.ctx, refs...)
	if err != nil {
		return nil, err
	}
	for j, d := range docs {
		var b tileBody
		if d.Rev == 0 {
			return nil, ErrDamaged.Because(fmt.Errorf("tile %s is gone", refs[j].ID))
		}
		if err := json.Unmarshal(d.Body, &b); err != nil {
			return nil, ErrDamaged.Because(err)
		}
		out[at[j]] = b.Hashes
	}
	return out, nil
}

// SaveTiles implements tlog.TileReader: it is given what was proven.
func (t *tiles) SaveTiles(proven []tlog.Tile, data [][]byte) {
	if len(t.kept)+len(proven) > mostTiles {
		clear(t.kept)
	}
	for i, p := range proven {
		t.kept[p] = data[i]
	}
}

// growth is a tree with leaves added: the hashes of the old one as they are read, and the new ones.
type growth struct {
	old  tlog.HashReader
	from int64
	size int64
	made map[int64]tlog.Hash // by stored hash index, new ones and old ones that were read
}

func grow(from tlog.Tree, old tlog.HashReader, leaves []tlog.Hash) (*growth, error) {
	g := &growth{old: old, from: from.N, size: from.N, made: map[int64]tlog.Hash{}}
	if from.N > 0 { // proves the tiles even where nothing of them is needed
		if _, err := tlog.TreeHash(from.N, old); err != nil {
			return nil, err
		}
	}
	for _, l := range leaves {
		stored, err := tlog.StoredHashesForRecordHash(g.size, l, g)
		if err != nil {
			return nil, err
		}
		first := tlog.StoredHashIndex(0, g.size)
		for i, h := range stored {
			g.made[first+int64(i)] = h
		}
		g.size++
	}
	return g, nil
}

// ReadHashes implements tlog.HashReader.
func (g *growth) ReadHashes(want []int64) ([]tlog.Hash, error) {
	var missing []int64
	for _, x := range want {
		if _, ok := g.made[x]; !ok {
			missing = append(missing, x)
		}
	}
	if len(missing) > 0 {
		read, err := g.old.ReadHashes(missing)
		if err != nil {
			return nil, err
		}
		for i, x := range missing {
			g.made[x] = read[i]
		}
	}
	out := make([]tlog.Hash, len(want))
	for i, x := range want {
		out[i] = g.made[x]
	}
	return out, nil
}

func (g *growth) root() (tlog.Hash, error) { return tlog.TreeHash(g.size, g) }

// writes are the documents of the tiles that the growth calls for.
func (g *growth) writes() ([]store.Write, error) {
	var out []store.Write
	for _, t := range tlog.NewTiles(tileHeight, g.from, g.size) {
		data, err := tlog.ReadTileData(t, g)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(tileBody{data})
		if err != nil {
			return nil, err
		}
		out = append(out, store.Write{New: store.Doc{Ref: tileRef(t), Body: body}})
	}
	return out, nil
}

// putTiles inserts the tiles of a growth, which whoever completes it makes the same. After a restore a tile above the head
// may be there whose batch the backup does not have: nothing was ever proven by it, and it is replaced.
func putTiles(ctx context.Context, docs Documents, ws []store.Write) error {
	for len(ws) > 0 {
		outs, err := docs.Commit(ctx, ws)
		if err != nil {
			return err
		}
		var again []store.Write
		for i, o := range outs {
			switch o.Status {
			case store.OK:
			case store.Stale:
				there, err := docs.Get(ctx, ws[i].New.Ref)
				if err != nil {
					return err
				}
				if !bytes.Equal(there[0].Body, ws[i].New.Body) {
					again = append(again, store.Write{Old: there[0], New: ws[i].New})
				}
			default:
				return store.ErrUnavailable.Because(fmt.Errorf("%s %s: outcome unknown", ws[i].New.Kind, ws[i].New.ID))
			}
		}
		ws = again
	}
	return nil
}
