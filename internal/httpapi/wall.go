package httpapi

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"paicha/inspection"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// wallReads is how many evidence documents one page of the wall reads at most. A filter that fits few photos may make a
// page short, or empty; only the absence of after ends the wall.
const (
	wallReads = 400
	wallStep  = 50
)

// WallPage is one page of the photo wall; After asks for the next and is absent on the last.
type WallPage struct {
	Items []WallPhoto `json:"items"`
	After string      `json:"after,omitzero"`
}

// WallPhoto is one photo on the wall. Marks, Distance, Verdict and Reviews are there for supervisors only.
type WallPhoto struct {
	PhotoView
	Subject    string                  `json:"subject"` // id of the inspection or hazard
	Kind       store.Kind              `json:"kind"`    // which of them it is
	Region     string                  `json:"region,omitzero"`
	Enterprise string                  `json:"enterprise,omitzero"`
	Item       string                  `json:"item,omitzero"`
	Taken      time.Time               `json:"taken"` // the device's clock; the arrival where no record names it
	At         time.Time               `json:"at"`    // arrival, server time
	Size       int64                   `json:"size"`  // bytes
	By         string                  `json:"by"`    // user id of who sent it
	Todo       *media.Todo             `json:"todo,omitzero"`
	Marks      []media.Mark            `json:"marks,omitempty"`
	Distance   *int64                  `json:"distance,omitzero"` // metres from the place of the check
	Verdict    string                  `json:"verdict,omitzero"`  // the newest; absent: nobody has looked at it
	Reviews    []fieldsync.PhotoReview `json:"reviews,omitempty"`
}

// wallFilter is what a page of the wall asks for.
type wallFilter struct {
	from, to time.Time // of taking; zero: open
	marks    []string
	verdicts []string // "none": not looked at
	farther  int64    // metres; -1: any
	todo     bool
	distance bool // in the order of distance, not of time
	own      bool // it asks for what only supervisors know
	photos   map[media.SHA256]bool
}

func newWallFilter(c *fiber.Ctx) (wallFilter, error) {
	f := wallFilter{farther: -1}
	var err error
	if f.from, err = instant(c, "from"); err != nil {
		return f, err
	}
	if f.to, err = instant(c, "to"); err != nil {
		return f, err
	}
	if s := c.Query("farther"); s != "" {
		if f.farther, err = strconv.ParseInt(s, 10, 64); err != nil || f.farther < 0 {
			return f, ErrQuery.Saying("farther 应为距离，单位为米")
		}
	}
	if s := c.Query("mark"); s != "" {
		f.marks = strings.Split(s, ",")
	}
	if s := c.Query("verdict"); s != "" {
		f.verdicts = strings.Split(s, ",")
		for _, v := range f.verdicts {
			if !slices.Contains([]string{"none", "ok", "doubtful", "retake"}, v) {
				return f, ErrQuery.Saying("verdict 只能是 none、ok、doubtful 或 retake")
			}
		}
	}
	switch c.Query("todo") {
	case "", "false":
	case "true":
		f.todo = true
	default:
		return f, ErrQuery.Saying("todo 应为 true 或 false")
	}
	switch c.Query("order") {
	case "", "time":
	case "distance":
		f.distance = true
	default:
		return f, ErrQuery.Saying("order 只能是 time 或 distance")
	}
	f.own = f.distance || f.farther >= 0 || len(f.marks) > 0 || len(f.verdicts) > 0
	return f, nil
}

// instant reads a time or a day, which begins in China.
func instant(c *fiber.Ctx, name string) (time.Time, error) {
	s := c.Query(name)
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, time.FixedZone("UTC+8", 8*3600))
	if err != nil {
		return t, ErrQuery.Saying("%s 应为日期（2006-01-02）或带时区的时间（RFC 3339）", name)
	}
	return t, nil
}

// conditions are what a document must meet for one of its photos to pass.
func (f wallFilter) conditions() []store.Cond {
	var cs []store.Cond
	if !f.from.IsZero() {
		cs = append(cs, store.Where(fieldsync.FieldLatest, store.Ge, store.Time(f.from)))
	}
	if !f.to.IsZero() {
		cs = append(cs, store.Where(fieldsync.FieldEarliest, store.Lt, store.Time(f.to)))
	}
	if f.farther >= 0 {
		cs = append(cs, store.Where(fieldsync.FieldDistance, store.Ge, store.Num(f.farther)))
	}
	for field, asked := range map[string]bool{
		fieldsync.FieldMarked: len(f.marks) > 0, fieldsync.FieldTodo: f.todo, fieldsync.FieldUnreviewed: slices.Equal(f.verdicts, []string{"none"}),
	} {
		if asked {
			cs = append(cs, store.Where(field, store.Ge, store.Num(1)))
		}
	}
	return cs
}

func (f wallFilter) passes(p fieldsync.WallPhoto) bool {
	switch {
	case !f.from.IsZero() && p.Taken.Before(f.from), !f.to.IsZero() && !p.Taken.Before(f.to),
		f.todo && p.Todo == nil, f.photos != nil && !f.photos[p.SHA256],
		f.farther >= 0 && (p.Distance == nil || *p.Distance < f.farther),
		len(f.verdicts) > 0 && !slices.Contains(f.verdicts, cmp.Or(p.Verdict(), "none")):
		return false
	}
	return len(f.marks) == 0 || slices.ContainsFunc(p.Marks, func(m media.Mark) bool { return slices.Contains(f.marks, string(m.Code)) })
}

// wallKey is where a page ended: the last document of which everything was shown, and of the next one the last photo
// that was.
type wallKey struct {
	After string       `json:"a,omitzero"`
	Doc   string       `json:"d,omitzero"`
	Photo media.SHA256 `json:"p,omitzero"`
}

func (k wallKey) encode() string {
	b, err := json.Marshal(k)
	if err != nil {
		return "" // ids and hashes are plain text
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readWallKey(s string) (k wallKey, after store.PageKey, err error) {
	if s == "" {
		return k, after, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if len(s) > 2*maxAfter || err != nil || json.Unmarshal(b, &k) != nil {
		return k, after, ErrQuery.Saying("翻页位置不正确，请从第一页重新查询")
	}
	if k.After != "" {
		after, err = decodeAfter(k.After)
	}
	return k, after, err
}

// wall answers the photo wall: the photos of documents that the person may see, by inspection, hazard, enterprise,
// region, mark, verdict, time and distance. Documents come in the order asked for, the photos of one stay together.
func (a *api) wall(c *fiber.Ctx) error {
	f, err := newWallFilter(c)
	if err != nil {
		return err
	}
	q, err := wallQuery(c, f)
	if err != nil {
		return err
	}
	page, s := WallPage{Items: []WallPhoto{}}, a.sightOf(c, kindEvidence)
	q.Tokens = s.tokens
	if f.own {
		q.Tokens = s.supervisor // a filter must not tell what the answer may not
	}
	if len(q.Tokens) == 0 {
		return respond(c, page)
	}
	q.ofOne(s)
	key, after, err := readWallKey(c.Query("after"))
	if err != nil {
		return err
	}
	if c.Query("inspection") != "" || c.Query("hazard") != "" {
		docs, err := a.wallDocs(c, &f, q.Tokens)
		if err != nil {
			return err
		}
		page.Items, page.After, err = fillWall(f, s, docs, key, q.Limit)
		if err != nil {
			return err
		}
		return respond(c, page)
	}
	limit := q.Limit
	q.Limit, q.After = wallStep, after
	for range wallReads / wallStep {
		found, err := a.Store.Find(c.UserContext(), q.Query)
		if err != nil {
			return err
		}
		for _, d := range found.Docs {
			items, inside, err := fillWall(f, s, []store.Doc{d}, key, limit-len(page.Items))
			if err != nil {
				return err
			}
			page.Items = append(page.Items, items...)
			if inside != "" {
				page.After = inside
				return respond(c, page)
			}
			// Whatever comes next, this document is done with.
			key = wallKey{After: encodeAfter(store.PageKey{Value: d.Fields[q.Order], ID: d.ID})}
		}
		if found.Next == (store.PageKey{}) {
			return respond(c, page)
		}
		q.After = found.Next
		key = wallKey{After: encodeAfter(found.Next)}
		if len(page.Items) == limit {
			break
		}
	}
	page.After = key.encode()
	return respond(c, page)
}

func wallQuery(c *fiber.Ctx, f wallFilter) (listing, error) {
	order := fieldsync.FieldLatest
	if f.distance {
		order = fieldsync.FieldDistance
	}
	q := listing{Query: store.Query{Kind: kindEvidence, Order: order, Desc: true, Limit: pageUsual, Where: f.conditions()}}
	if s := c.Query("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > pageMost {
			return q, ErrQuery.Saying("每页条数应为1至%d", pageMost)
		}
		q.Limit = n
	}
	if err := q.region(c); err != nil {
		return q, err
	}
	return q, q.text(c, "enterprise")
}

// wallDocs are the evidence documents of the one inspection or hazard that was asked for. Of a hazard's inspection only
// the photos that the hazard names are shown.
func (a *api) wallDocs(c *fiber.Ctx, f *wallFilter, tokens []store.Token) ([]store.Doc, error) {
	ids := []string{c.Query("inspection")}
	if id := c.Query("hazard"); id != "" {
		if ids[0] != "" {
			return nil, ErrQuery.Saying("inspection 与 hazard 不能同时使用")
		}
		d, _, err := a.one(c, inspection.KindHazard, id)
		if err != nil {
			return nil, err
		}
		h, err := inspection.DecodeHazard(d.Body, nil)
		if err != nil {
			return nil, err
		}
		f.photos = map[media.SHA256]bool{}
		for _, p := range hazardPhotos(h) {
			f.photos[p] = true
		}
		ids = []string{id, string(h.Inspection)}
	}
	var docs []store.Doc
	for _, id := range ids {
		if id == "" || len(id) > maxID {
			continue
		}
		found, err := a.Store.Get(c.UserContext(), store.Ref{Kind: kindEvidence, ID: id})
		if err != nil {
			return nil, err
		}
		if d := found[0]; d.Rev > 0 && d.Removed == store.Live && len(store.Intersect(d.Tokens, tokens)) > 0 {
			docs = append(docs, d)
		}
	}
	return docs, nil
}

// fillWall takes up to limit photos of documents that pass, from where key points; after is set if there are more.
func fillWall(f wallFilter, s sight, docs []store.Doc, key wallKey, limit int) (items []WallPhoto, after string, err error) {
	items = []WallPhoto{}
	if key.Doc != "" && len(docs) > 1 {
		if i := slices.IndexFunc(docs, func(d store.Doc) bool { return d.ID == key.Doc }); i > 0 {
			docs = docs[i:]
		}
	}
	for _, d := range docs {
		photos, err := fieldsync.WallPhotos(d)
		if err != nil {
			return nil, "", err
		}
		if f.distance {
			slices.SortStableFunc(photos, func(x, y fieldsync.WallPhoto) int { return cmp.Compare(metres(y), metres(x)) })
		}
		if key.Doc == d.ID { // photos that came since are found from the first page on
			i := slices.IndexFunc(photos, func(p fieldsync.WallPhoto) bool { return p.SHA256 == key.Photo })
			photos = photos[i+1:]
		}
		last := key.Photo
		for _, p := range photos {
			if !f.passes(p) {
				continue
			}
			if len(items) == limit {
				return items, wallKey{After: key.After, Doc: d.ID, Photo: last}.encode(), nil
			}
			last = p.SHA256
			items = append(items, s.wallPhoto(d, p))
		}
	}
	return items, "", nil
}

func metres(p fieldsync.WallPhoto) int64 {
	if p.Distance == nil {
		return -1
	}
	return *p.Distance
}

// wallPhoto copies the parts of a photo that the person may see.
func (s sight) wallPhoto(d store.Doc, p fieldsync.WallPhoto) WallPhoto {
	out := WallPhoto{
		PhotoView: photoView(d.ID, p.Arrived), Subject: d.ID, Kind: inspection.Kind,
		Region: d.Fields[fieldsync.FieldRegion].Text, Enterprise: d.Fields[fieldsync.FieldEnterprise].Text,
		Item: p.Item, Taken: p.Taken, At: p.At, Size: p.Size, By: p.By, Todo: p.Todo,
	}
	if of := d.Fields[fieldsync.FieldOf].Text; of != "" {
		out.Kind = store.Kind(of)
	}
	if len(store.Intersect(d.Tokens, s.supervisor)) > 0 {
		out.Marks, out.Distance, out.Verdict, out.Reviews = p.Marks, p.Distance, p.Verdict(), p.Reviews
	}
	return out
}

// EvidenceCount is what is to be done about the photos of one region.
type EvidenceCount struct {
	Region     string `json:"region"`
	Subjects   int64  `json:"subjects"`   // inspections and hazards with photos
	Photos     int64  `json:"photos"`     // that are here
	Unreviewed int64  `json:"unreviewed"` // that no supervisor has looked at
	Marked     int64  `json:"marked"`     // with a doubt
	Todo       int64  `json:"todo"`       // sent back and not taken again
}

// evidenceCounts answers, for each county that the supervisor sees, how many photos wait.
func (a *api) evidenceCounts(c *fiber.Ctx) error {
	out := struct {
		Items []EvidenceCount `json:"items"`
	}{[]EvidenceCount{}}
	s := a.sightOf(c, kindEvidence)
	if len(s.supervisor) == 0 {
		return respond(c, out)
	}
	found, err := a.Store.Group(c.UserContext(), store.Grouping{
		Kind: kindEvidence, Tokens: s.supervisor, By: []string{fieldsync.FieldRegion},
		Where: []store.Cond{store.Where(fieldsync.FieldLatest, store.Ge, store.Num(0))},
		Sum:   []string{fieldsync.FieldPhotos, fieldsync.FieldUnreviewed, fieldsync.FieldMarked, fieldsync.FieldTodo},
	})
	if err != nil {
		return err
	}
	for _, b := range found {
		out.Items = append(out.Items, EvidenceCount{b.Key[0].Text, b.Count, b.Sums[0], b.Sums[1], b.Sums[2], b.Sums[3]})
	}
	return respond(c, out)
}
