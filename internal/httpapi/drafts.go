package httpapi

import (
	"bytes"
	"io"
	"mime"
	"strings"
	"time"

	"paicha/checklist"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"
)

// Workbooks reads and writes checklists as Excel files.
type Workbooks interface {
	// Read returns the pack, or what is wrong with the workbook by sheet and cell.
	Read(r io.ReaderAt, size int64, standards *checklist.Standards) (*checklist.Pack, []checklist.Problem)
	Write(w io.Writer, p *checklist.Pack, standards *checklist.Standards) error
}

// The media types in which a checklist can be uploaded.
const (
	mimeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	mimeYAML = "application/yaml" // RFC 9512
)

// Limits of an uploaded file, in bytes.
const (
	maxWorkbook = 8 << 20
	maxSource   = 1 << 20
)

// DraftView is an uploaded checklist with what it would change.
type DraftView struct {
	Hash    checklist.Hash     `json:"hash"`
	Ref     checklist.PackRef  `json:"ref"`
	Title   string             `json:"title"`
	At      time.Time          `json:"at"`
	By      string             `json:"by"`
	From    string             `json:"from,omitzero"`    // name of the uploaded file
	Against checklist.PackRef  `json:"against,omitzero"` // the version that Changes compare with; absent: it is the first
	Changes jsontext.Value     `json:"changes,omitzero"` // list of checklist.Change
	Counts  map[string]int     `json:"counts,omitzero"`  // of added, removed, changed and weaker
	Sectors []checklist.Sector `json:"sectors"`
}

// PublishRequest gives the days of a new version.
type PublishRequest struct {
	From  checklist.Day `json:"from"`
	Until checklist.Day `json:"until,omitzero"`
}

// EndRequest says from which day on a version or standard is not used any more.
type EndRequest struct {
	Day  checklist.Day        `json:"day"`
	Next checklist.StandardID `json:"next,omitzero"` // of a standard: what took its place
}

// upload takes a checklist as a workbook or as YAML and keeps it as a draft; nothing is published by it.
func (a *api) upload(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	if err := a.Packs.Refresh(c.UserContext()); err != nil { // standards may have come on another node
		return err
	}
	p, err := a.readPack(c)
	if err != nil {
		return err
	}
	if old, err := a.Packs.Get(p.Ref()); err == nil && old.Hash() != p.Hash() {
		return checklist.ErrImmutable.Saying("检查清单 %s 已经发布，内容不能更改，请改用新的版本号再上传", p.Ref())
	}
	if err := a.Packs.SaveDraft(c.UserContext(), p, c.Query("name"), string(sessionOf(c).User.ID)); err != nil {
		return err
	}
	d, err := a.Packs.Draft(c.UserContext(), p.Hash())
	if err != nil {
		return err
	}
	c.Status(fiber.StatusCreated)
	c.Set(fiber.HeaderLocation, "/api/v1/packs/drafts/"+string(p.Hash()))
	return a.showDraft(c, d)
}

func (a *api) readPack(c *fiber.Ctx) (*checklist.Pack, error) {
	kind, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	switch {
	case err == nil && kind == mimeXLSX && a.Workbooks != nil:
		body, err := boundedBody(c, maxWorkbook)
		if err != nil {
			return nil, err
		}
		p, problems := a.Workbooks.Read(bytes.NewReader(body), int64(len(body)), a.Packs.Standards())
		if len(problems) > 0 {
			return nil, checklist.Problems(problems)
		}
		return p, nil
	case err == nil && kind == mimeYAML:
		body, err := boundedBody(c, maxSource)
		if err != nil {
			return nil, err
		}
		return checklist.LoadPack("", body, a.Packs.Standards())
	}
	return nil, refuseBody(c, ErrMediaType.Saying("检查清单请用 Excel 文件（%s）或 YAML（%s）上传", mimeXLSX, mimeYAML))
}

func (a *api) drafts(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	list, err := a.Packs.Drafts(c.UserContext())
	if err != nil {
		return err
	}
	out := Items[DraftView]{Items: []DraftView{}}
	for _, d := range list {
		out.Items = append(out.Items, viewOf(d))
	}
	return respond(c, out)
}

func viewOf(d checklist.Draft) DraftView {
	return DraftView{Hash: d.Hash, Ref: d.Pack.Ref(), Title: d.Pack.Title, At: d.At, By: d.By, From: d.From, Sectors: d.Pack.Sectors}
}

func (a *api) draft(c *fiber.Ctx) error {
	d, err := a.draftOf(c)
	if err != nil {
		return err
	}
	return a.showDraft(c, d)
}

func (a *api) draftOf(c *fiber.Ctx) (checklist.Draft, error) {
	if a.Packs == nil {
		return checklist.Draft{}, ErrNotReady
	}
	hash := strings.Clone(c.Params("hash"))
	if len(hash) > maxID {
		return checklist.Draft{}, checklist.ErrDraftUnknown
	}
	return a.Packs.Draft(c.UserContext(), checklist.Hash(hash))
}

// showDraft compares a draft with ?against=, or with the latest version of its id.
func (a *api) showDraft(c *fiber.Ctx, d checklist.Draft) error {
	out := viewOf(d)
	var old *checklist.Pack
	ref := checklist.PackRef(strings.Clone(c.Query("against")))
	if ref == "" {
		ref = a.Packs.Library().Latest(d.Pack.ID)
	}
	if ref != "" {
		var err error
		if old, err = a.Packs.Get(ref); err != nil {
			return err
		}
		out.Against = ref
	}
	changes, err := checklist.Diff(old, d.Pack)
	if err != nil {
		return err
	}
	out.Counts = map[string]int{}
	for _, ch := range changes {
		out.Counts[ch.Did]++
		if ch.Weaker {
			out.Counts["weaker"]++
		}
	}
	if out.Changes, err = checklist.EncodeChanges(changes); err != nil {
		return err
	}
	return respond(c, out)
}

func (a *api) dropDraft(c *fiber.Ctx) error {
	d, err := a.draftOf(c)
	if err != nil {
		return err
	}
	if err := a.Packs.DropDraft(c.UserContext(), d.Hash); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// publish makes a draft a version from a day on; what waited for it can then be judged.
func (a *api) publish(c *fiber.Ctx) error {
	var r PublishRequest
	if err := a.decode(c, &r); err != nil {
		return err
	}
	from, err := checklist.ParseDay(string(r.From))
	if err != nil {
		return checklist.ErrDay.At("/from")
	}
	if r.Until != "" {
		if r.Until, err = checklist.ParseDay(string(r.Until)); err != nil {
			return checklist.ErrDay.At("/until")
		}
	}
	d, err := a.draftOf(c)
	if err != nil {
		return err
	}
	if err := a.Packs.Publish(c.UserContext(), d.Pack, from, r.Until, string(sessionOf(c).User.ID)); err != nil {
		return err
	}
	if err := a.Packs.DropDraft(c.UserContext(), d.Hash); err != nil {
		a.Log.Warn("a published draft stays", "draft", string(d.Hash), "error", err)
	}
	if a.Published != nil {
		a.Published()
	}
	return a.showEntry(c, d.Pack.Ref())
}

func (a *api) endPack(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	ref, err := checklist.ParsePackRef(strings.Clone(c.Params("ref")))
	if err != nil {
		return err
	}
	day, _, err := a.end(c)
	if err != nil {
		return err
	}
	if err := a.Packs.End(c.UserContext(), ref, day, string(sessionOf(c).User.ID)); err != nil {
		return err
	}
	return a.showEntry(c, ref)
}

func (a *api) end(c *fiber.Ctx) (checklist.Day, checklist.StandardID, error) {
	var r EndRequest
	if err := a.decode(c, &r); err != nil {
		return "", "", err
	}
	day, err := checklist.ParseDay(string(r.Day))
	if err != nil {
		return "", "", checklist.ErrDay.At("/day")
	}
	return day, r.Next, nil
}

// decode reads a small JSON body.
func (a *api) decode(c *fiber.Ctx, into any) error {
	body, err := jsonBody(c, a.Limits.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return ErrJSON.Because(err)
	}
	return nil
}

func (a *api) showEntry(c *fiber.Ctx, ref checklist.PackRef) error {
	p, ok := a.Packs.Library().Entry(ref)
	if !ok {
		return checklist.ErrPackUnknown
	}
	return respond(c, entryOf(p))
}

// workbook answers a published version as an Excel file to work on.
func (a *api) workbook(c *fiber.Ctx) error {
	if a.Packs == nil || a.Workbooks == nil {
		return ErrNotReady
	}
	ref, err := checklist.ParsePackRef(strings.Clone(c.Params("ref")))
	if err != nil {
		return err
	}
	p, err := a.Packs.Get(ref)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := a.Workbooks.Write(&b, p, a.Packs.Standards()); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, mimeXLSX)
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+string(ref)+`.xlsx"`)
	return c.Send(b.Bytes())
}
