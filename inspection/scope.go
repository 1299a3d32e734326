package inspection

import (
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
)

// Hash is the name of a photo.
type Hash = media.SHA256

// The words of the directory that records are made of.
type (
	// RegionCode is a GB/T 2260 code.
	RegionCode = directory.RegionCode
	// Sector is one of the plan's sectors.
	Sector = directory.SectorID
	// EnterpriseID names a supervised unit.
	EnterpriseID = directory.EnterpriseID
	// UserID names a person's account.
	UserID = directory.UserID
	// DeviceID names an enrolled device.
	DeviceID = directory.DeviceID
)

// Tokens are the scopes that an inspection is seen through: until it is submitted its team's, task's and the
// supervisors' alone (四不两直), for an enterprise's own check also the enterprise's; then the region's and the
// enterprise's too.
func Tokens(in *Inspection) []store.Token {
	h := &in.Header
	switch {
	case in.Status == Submitted:
		return directory.SubmittedTokens(in.Team, string(h.Task), h.Unit.ID, h.Region, h.Sectors)
	case h.Mode == SelfCheck:
		return directory.SelfCheckTokens(in.Team, h.Unit.ID, h.Region, h.Sectors)
	}
	return directory.DraftTokens(in.Team, string(h.Task), h.Region, h.Sectors)
}

// HazardTokens are the scopes that a hazard is seen through: those of its inspection, also before submission, and those
// of the owner it was transferred to. A tip stays with its recorder and the supervisors until somebody has confirmed it
// on site: the enterprise would learn that it was reported, and by whom it could have been.
func HazardTokens(h *Hazard) []store.Token {
	draft, tokens := h.Draft || h.Source == FromTip && h.ConfirmedAt.IsZero(), []store.Token(nil)
	switch {
	case !draft:
		tokens = directory.SubmittedTokens(h.Team, string(h.Task), h.Unit.ID, h.Region, h.Sectors)
	case h.Mode == SelfCheck:
		tokens = directory.SelfCheckTokens(h.Team, h.Unit.ID, h.Region, h.Sectors)
	default:
		tokens = directory.DraftTokens(h.Team, string(h.Task), h.Region, h.Sectors)
	}
	if r := h.Owner.Region; r != "" && r != h.Region {
		tokens = append(tokens, directory.SupervisorTokens(r, h.Sectors)...)
		if !draft {
			tokens = append(tokens, directory.RegionTokens(r, h.Sectors)...)
		}
		tokens = store.SortTokens(tokens)
	}
	return tokens
}

// Fields are the searchable values of an inspection. "pendingEffects" and "unjudged" are there only when true (1): few
// documents have them, and one that has not costs their index nothing.
func Fields(in *Inspection) store.Fields {
	f := store.Fields{
		"status": store.Text(string(in.Status)), "enterprise": store.Text(string(in.Header.Unit.ID)),
		"region": store.Text(string(in.Header.Region)), "mode": store.Text(string(in.Header.Mode)),
		"startedAt": store.Time(in.Header.StartedAt),
	}
	if in.Unjudged {
		f["unjudged"] = truth(true)
	}
	if in.PendingEffects != nil {
		f["pendingEffects"] = truth(true)
	}
	if at, ok := in.QuietSince(); ok {
		f[FieldQuiet] = store.Time(at)
	}
	return f
}

// FieldQuiet is the searchable value that says since when a document has needed nobody's attention. What is archived has
// it no more, so that the archive never looks at it again.
const FieldQuiet = "quietSince"

// HazardFields are the searchable values of a hazard. Overdue is asked by deadline: open and before now. "sector" is the
// first one, for counting each hazard once; what is of a sector is asked by token (directory.InSector), for all of them.
func HazardFields(h *Hazard) store.Fields {
	f := store.Fields{
		"status": store.Text(string(h.Status)), "class": store.Text(string(h.Class)), "draft": truth(h.Draft),
		"source": store.Text(string(h.Source)), "enterprise": store.Text(string(h.Unit.ID)),
		"region": store.Text(string(h.Owner.Region)), "occurredAt": store.Time(h.OccurredAt),
	}
	if len(h.Sectors) > 0 {
		f["sector"] = store.Text(string(h.Sectors[0]))
	}
	if h.Inspection != "" {
		f["inspection"] = store.Text(string(h.Inspection))
	}
	if d := h.Deadline(); !d.IsZero() {
		f["deadline"] = store.Time(d)
	}
	if at, ok := h.QuietSince(); ok {
		f[FieldQuiet] = store.Time(at)
	}
	return f
}

func truth(b bool) store.Value {
	if b {
		return store.Num(1)
	}
	return store.Num(0)
}

// Indexes are what Find may ask of inspections and hazards: each pays for its writes with a question that a screen or
// the recovery asks. Region and sector are asked by token.
var Indexes = []store.Index{
	{Kind: Kind, Fields: []string{"enterprise", "startedAt"}},
	{Kind: Kind, Fields: []string{"status", "startedAt"}},
	{Kind: Kind, Fields: []string{"pendingEffects"}}, // sparse, as is unjudged
	{Kind: Kind, Fields: []string{"unjudged"}},
	{Kind: Kind, Fields: []string{FieldQuiet}},
	{Kind: KindHazard, Fields: []string{"enterprise", "occurredAt"}},
	{Kind: KindHazard, Fields: []string{"status", "occurredAt"}},
	{Kind: KindHazard, Fields: []string{"class", "occurredAt"}},
	{Kind: KindHazard, Fields: []string{"status", "deadline"}},
	{Kind: KindHazard, Fields: []string{"inspection"}},
	{Kind: KindHazard, Fields: []string{FieldQuiet}},
}
