package directory

import (
	"strings"

	"paicha/internal/store"
)

// AllSectors is no sector but the pack token of what every user reads: the checklist of enterprise duties, and the
// tree of regions and sectors.
const AllSectors SectorID = "all"

const (
	supPrefix        = "sup:"
	enterprisePrefix = "ent:"
	userPrefix       = "user:"
	taskPrefix       = "task:"
	packPrefix       = "pack:"
	historyPrefix    = "history:"
)

// ScopeToken is the token that one grant names: a region, or with a sector that sector of it.
func ScopeToken(region RegionCode, sector SectorID) store.Token {
	if sector == "" {
		return store.Token(region)
	}
	return store.Token(string(region) + "/" + string(sector))
}

// ParseScope reads a region token, with or without a sector; anything else is ErrToken.
func ParseScope(t store.Token) (RegionCode, SectorID, error) {
	r, s, withSector := strings.Cut(string(t), "/")
	region, err := ParseRegion(r)
	if err != nil || string(region) != r {
		return "", "", ErrToken.Because(err)
	}
	if !withSector {
		return region, "", nil
	}
	sector, err := ParseSector(s)
	if err != nil {
		return "", "", ErrToken.Because(err)
	}
	return region, sector, nil
}

// RegionTokens are every ancestor region of a place and the same with each sector ("53", "5325", "532501",
// "53/coal-mine" …), sorted. A sector within 其他重点领域 brings "other" along, so that a grant of either covers it.
func RegionTokens(region RegionCode, sectors []SectorID) []store.Token {
	var out []store.Token
	for _, r := range Ancestors(region) {
		out = append(out, ScopeToken(r, ""))
		for _, s := range sectors {
			for _, w := range s.WithParent() {
				out = append(out, ScopeToken(r, w))
			}
		}
	}
	return store.SortTokens(out)
}

// SupervisorTokens are the supervisors' twins of RegionTokens ("sup:5325/coal-mine"), sorted: what is not yet to be
// known in the region carries these only.
func SupervisorTokens(region RegionCode, sectors []SectorID) []store.Token {
	out := RegionTokens(region, sectors)
	for i, t := range out {
		out[i] = SupervisorTwin(t)
	}
	return store.SortTokens(out)
}

// SupervisorTwin is the supervisors' twin of a region token.
func SupervisorTwin(t store.Token) store.Token { return supPrefix + t }

// EnterpriseToken is carried by what an enterprise may see of itself.
func EnterpriseToken(id EnterpriseID) store.Token { return enterprisePrefix + store.Token(id) }

// UserToken is carried by what is addressed to one person and by the work of that person's team.
func UserToken(id UserID) store.Token { return userPrefix + store.Token(id) }

// TaskToken is carried by what belongs to one planned inspection.
func TaskToken(id string) store.Token { return taskPrefix + store.Token(id) }

// PackToken is carried by the checklists of one sector, or with AllSectors by what every user reads.
func PackToken(sector SectorID) store.Token { return packPrefix + store.Token(sector) }

// PackTokens are those that a checklist of these sectors carries: one for each, or that of all for a checklist of duties
// that every sector has.
func PackTokens[S ~string](sectors []S) []store.Token {
	if len(sectors) > 2 {
		return []store.Token{PackToken(AllSectors)}
	}
	out := make([]store.Token, len(sectors))
	for i, s := range sectors {
		out[i] = PackToken(SectorID(s))
	}
	return store.SortTokens(out)
}

// DraftTokens are those of an inspection that is not submitted: its team, its task if there is one, and the
// supervisors of the place. Nobody else is to know of it (四不两直).
func DraftTokens(team []UserID, task string, region RegionCode, sectors []SectorID) []store.Token {
	out := SupervisorTokens(region, sectors)
	for _, u := range team {
		out = append(out, UserToken(u))
	}
	if task != "" {
		out = append(out, TaskToken(task))
	}
	return store.SortTokens(out)
}

// SelfCheckTokens are those of an enterprise's own check (企业自查) that is not submitted: DraftTokens and the
// enterprise's, which by definition knows of it.
func SelfCheckTokens(team []UserID, enterprise EnterpriseID, region RegionCode, sectors []SectorID) []store.Token {
	return store.SortTokens(append(DraftTokens(team, "", region, sectors), EnterpriseToken(enterprise)))
}

// SubmittedTokens are those of a submitted inspection and of its hazards: DraftTokens, the region and the enterprise.
// The team stays on it: who checked and signed answers for it (谁检查、谁签名、谁负责).
func SubmittedTokens(team []UserID, task string, enterprise EnterpriseID, region RegionCode, sectors []SectorID) []store.Token {
	out := append(DraftTokens(team, task, region, sectors), RegionTokens(region, sectors)...)
	return store.SortTokens(append(out, EnterpriseToken(enterprise)))
}
