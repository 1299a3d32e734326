package inspection

import (
	"slices"
	"time"

	"paicha/internal/store"
)

// Skew is how far a device's clock may be ahead of the server's before its times are marked.
const Skew = 5 * time.Minute

// firstDay is before any tablet of this system was bought: an earlier device time is a clock that was never set.
var firstDay = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Member reports whether a user is on the team.
func (in *Inspection) Member(u UserID) bool {
	_, ok := slices.BinarySearch(in.Team, u)
	return ok && u != ""
}

// moveInspection looks up the move, or says in Chinese why there is none.
func moveInspection(in *Inspection, c Command) (Status, error) {
	if to, ok := NextInspection(in.Status, c); ok {
		return to, nil
	}
	return "", ErrInspectionMove.Saying("检查记录现在是“%s”，不能%s", Label(in.Status), commandNames[c])
}

// knows reports whether the record already carries what a mutation did. The document's memory is the first guard;
// this one holds when a command is run again on a record that it already reached.
func (in *Inspection) knows(m MutationID) bool { return m != "" && inHistory(in.History, m) }

func inHistory(h []Event, m MutationID) bool {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].Mutation == m {
			return true
		}
	}
	return false
}

// log appends a line of history.
func (in *Inspection) log(e Event) { in.History = append(slices.Clip(in.History), e) }

// Mark sets a mark, once; marks are sorted.
func (in *Inspection) Mark(m Mark) {
	if at, ok := slices.BinarySearch(in.Marks, m); !ok {
		in.Marks = slices.Insert(slices.Clone(in.Marks), at, m)
	}
}

// Unmark takes a mark back: a pack that arrived is no longer unknown.
func (in *Inspection) Unmark(m Mark) {
	if at, ok := slices.BinarySearch(in.Marks, m); ok {
		in.Marks = slices.Delete(slices.Clone(in.Marks), at, at+1)
	}
}

func (in *Inspection) markIf(m Mark, doubt bool) {
	if doubt {
		in.Mark(m)
	} else {
		in.Unmark(m)
	}
}

// propose keeps a whole command for a person.
func (in *Inspection) propose(p Proposal, base store.Rev, by Cause) {
	p.Mutation, p.By, p.Device, p.N = by.Mutation, by.User, by.Device, by.N
	p.At, p.BaseRev = ms(by.ServerTime), base
	in.Proposals = append(slices.Clip(in.Proposals), p)
	in.Mark(MarkLateWork)
}

// amended enters an amendment.
func (in *Inspection) amended(a Amendment, rev store.Rev, by Cause) {
	a.Mutation, a.By, a.Device, a.At, a.Rev = by.Mutation, by.User, by.Device, ms(by.ServerTime), rev
	in.Amendments = append(slices.Clip(in.Amendments), a)
}

// observe marks what is odd about a save. Nothing is refused for being odd.
func (in *Inspection) observe(a *SaveArgs, by Cause) {
	in.observeTime(by.DeviceTime, by)
	in.observePlace(by.Place)
	if h := a.Header; h != nil {
		in.observeTime(h.StartedAt, by)
		in.observePlace(h.Place)
		if !h.Mode.Known() {
			in.Mark(MarkMode)
		}
	}
	for i := range a.Answers {
		in.observeTime(a.Answers[i].At, by)
	}
	for i := range a.Findings {
		in.observeTime(a.Findings[i].At, by)
	}
	for i := range a.Photos {
		in.observeTime(a.Photos[i].CapturedAt, by)
		in.observePlace(a.Photos[i].Place)
	}
}

// observeTime marks a device time that cannot be. An absent one says nothing.
func (in *Inspection) observeTime(t time.Time, by Cause) {
	if !t.IsZero() && (t.Before(firstDay) || t.After(by.ServerTime.Add(Skew))) {
		in.Mark(MarkClock)
	}
}

func (in *Inspection) observePlace(p *Place) {
	if p == nil {
		return
	}
	if p.Mock {
		in.Mark(MarkMockPlace)
	}
	known := p.System == WGS84 || p.System == GCJ02
	if !known || p.Lat < -90 || p.Lat > 90 || p.Lon < -180 || p.Lon > 180 || p.Accuracy < 0 {
		in.Mark(MarkPlace)
	}
}
