package httpapi

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
	"golang.org/x/text/unicode/norm"
)

// The sizes of a page.
const (
	pageUsual = 50
	pageMost  = 200
	maxAfter  = 2 << 10
	maxFilter = 200
)

// listing is a query as the address asks for it.
type listing struct {
	store.Query
	never    bool   // a condition that nothing can meet
	archived string // "", "true" or "false"
}

// newListing reads limit and after.
func newListing(c *fiber.Ctx, kind store.Kind, order string, desc bool) (listing, error) {
	q := listing{Query: store.Query{Kind: kind, Order: order, Desc: desc, Limit: pageUsual}}
	if s := c.Query("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > pageMost {
			return q, ErrQuery.Saying("每页条数应为1至%d", pageMost)
		}
		q.Limit = n
	}
	if s := c.Query("after"); s != "" {
		key, err := decodeAfter(s)
		if err != nil {
			return q, err
		}
		q.After = key
	}
	return q, nil
}

// text adds a filter by one or several values ("a,b") of a field.
func (q *listing) text(c *fiber.Ctx, field string) error {
	s := c.Query(field)
	if s == "" {
		return nil
	}
	if len(s) > maxFilter || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return ErrQuery.Saying("查询条件 %s 不正确", field)
	}
	var values []store.Value
	for v := range strings.SplitSeq(norm.NFC.String(strings.Clone(s)), ",") {
		values = append(values, store.Text(v))
	}
	q.Where = append(q.Where, store.Where(field, store.In, values...))
	return nil
}

// region adds a filter by a region and all that lie in it.
func (q *listing) region(c *fiber.Ctx) error {
	s := c.Query("region")
	if s == "" {
		return nil
	}
	code, err := directory.ParseRegion(s)
	if err != nil {
		return err
	}
	var values []store.Value
	for _, r := range directory.Regions() {
		if r.Code.Within(code) {
			values = append(values, store.Text(string(r.Code)))
		}
	}
	q.Where = append(q.Where, store.Where("region", store.In, values...))
	return nil
}

// ofOne has what an enterprise sees found by its own index. Its token decides all the same; without this, the documents of
// all others would be walked past.
func (q *listing) ofOne(s sight) {
	byField := slices.Contains([]store.Kind{inspection.Kind, inspection.KindHazard, kindEvidence}, q.Kind)
	named := slices.ContainsFunc(q.Where, func(c store.Cond) bool { return c.Field == fieldEnterprise })
	if s.enterprise != "" && byField && !named {
		q.Where = append(q.Where, store.Where(fieldEnterprise, store.Eq, store.Text(s.enterprise)))
	}
}

// fieldEnterprise is the searchable value, of every kind that has one, that names the enterprise.
const fieldEnterprise = fieldsync.FieldEnterprise

// archive reads whether only what is archived is asked for, or only what is not; without it, both.
func (q *listing) archive(c *fiber.Ctx) error {
	switch s := c.Query("archived"); s {
	case "", "true", "false":
		q.archived = strings.Clone(s)
		return nil
	}
	return ErrQuery.Saying("归档条件应为 true 或 false")
}

// narrow picks the tokens of those by which the person reads that the archived condition leaves.
func (q *listing) narrow(tokens []store.Token) []store.Token {
	if q.archived == "" {
		return tokens
	}
	return slices.DeleteFunc(slices.Clone(tokens), func(t store.Token) bool {
		return directory.IsHistory(t) != (q.archived == "true")
	})
}

// sector adds a filter by a sector and those within it: all that a document is of, not only the first.
func (q *listing) sector(c *fiber.Ctx) error {
	s := c.Query("sector")
	if s == "" {
		return nil
	}
	id, err := directory.ParseSector(s)
	if err != nil {
		return err
	}
	q.Also = directory.InSector(id)
	return nil
}

// afterKey is a PageKey as a client carries it, unread.
type afterKey struct {
	Text *string `json:"t,omitzero"`
	Num  *int64  `json:"n,omitzero"`
	ID   string  `json:"i"`
}

func encodeAfter(k store.PageKey) string {
	out := afterKey{ID: k.ID}
	if k.Value.IsNum {
		out.Num = &k.Value.Num
	} else {
		out.Text = &k.Value.Text
	}
	b, err := json.Marshal(out)
	if err != nil {
		return "" // the store keeps no text that is not UTF-8
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeAfter reads what encodeAfter wrote. It proves nothing and need not: a page is narrowed anew by the reader's
// own tokens.
func decodeAfter(s string) (store.PageKey, error) {
	var in afterKey
	if len(s) > maxAfter {
		return store.PageKey{}, ErrQuery
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return store.PageKey{}, ErrQuery.Saying("翻页位置不正确，请从第一页重新查询")
	}
	if err := json.Unmarshal(b, &in); err != nil || in.ID == "" || (in.Text == nil) == (in.Num == nil) {
		return store.PageKey{}, ErrQuery.Saying("翻页位置不正确，请从第一页重新查询")
	}
	if in.Num != nil {
		return store.PageKey{Value: store.Num(*in.Num), ID: in.ID}, nil
	}
	return store.PageKey{Value: store.Text(*in.Text), ID: in.ID}, nil
}
