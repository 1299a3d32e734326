package directory

import (
	_ "embed"

	"gopkg.in/yaml.v3"
)

// SectorID names a sector (行业领域) of the action plan, or one of the seven that the plan counts under 其他重点领域.
type SectorID string

// The fifteen sectors of the plan's part three, in its order.
const (
	CoalMine         SectorID = "coal-mine"
	NonmetalMine     SectorID = "nonmetal-mine"
	IllegalMining    SectorID = "illegal-mining"
	Hazchem          SectorID = "hazchem"
	RoadTransport    SectorID = "road-transport"
	Construction     SectorID = "construction"
	Fire             SectorID = "fire"
	SelfBuiltHousing SectorID = "self-built-housing"
	TownGas          SectorID = "town-gas"
	Tourism          SectorID = "tourism"
	IndustryTrade    SectorID = "industry-trade"
	WaterTransport   SectorID = "water-transport"
	CivilExplosives  SectorID = "civil-explosives"
	School           SectorID = "school"
	OtherSector      SectorID = "other"
)

// The seven sectors within OtherSector (part three, item fifteen).
const (
	SpecialEquipment SectorID = "special-equipment"
	WaterWorks       SectorID = "water-works"
	Power            SectorID = "power"
	CommerceStorage  SectorID = "commerce-storage"
	SlaughterBiogas  SectorID = "slaughter-biogas"
	Hospital         SectorID = "hospital"
	Laboratory       SectorID = "laboratory"
)

// DutyRole is the word by which the plan gives a duty, kept as printed.
type DutyRole string

// The words of the plan's part three.
const (
	Leads            DutyRole = "牵头"
	LeadSeparately   DutyRole = "按职责分别牵头"
	ResponsibleByJob DutyRole = "按职责分工负责"
	ShareResponsible DutyRole = "分工负责"
	Responsible      DutyRole = "负责"
)

// Duty is one body's duty in a sector, as the plan's part three prints it.
type Duty struct {
	Sector     SectorID     `json:"sector" yaml:"-"`
	Part       string       `json:"part,omitempty" yaml:"part"` // the part of the sector it is for: 水利工程; empty: all of it
	Role       DutyRole     `json:"role" yaml:"role"`
	Body       string       `json:"body" yaml:"body"`                      // as printed: 州能源局
	Department DepartmentID `json:"department,omitempty" yaml:"-"`         // empty if it is no department of the region
	AndOthers  bool         `json:"andOthers,omitempty" yaml:"and_others"` // the plan says 等 after the list that it ends
}

// Sector is one of the plan's sectors with its duties.
type Sector struct {
	ID     SectorID `json:"id" yaml:"id"`
	Number int      `json:"number" yaml:"number"` // in the plan's part three, 1 to 15
	Name   string   `json:"name" yaml:"name"`     // as printed
	Parent SectorID `json:"parent,omitempty" yaml:"parent"`
	Duties []Duty   `json:"duties" yaml:"duties"`
}

//go:embed seed/sectors.yaml
var sectorSeed []byte

var sectors, sectorOf = loadSectors(sectorSeed)

func loadSectors(seed []byte) ([]Sector, map[SectorID]Sector) {
	var list []Sector
	if err := yaml.Unmarshal(seed, &list); err != nil {
		panic("directory: seed/sectors.yaml: " + err.Error())
	}
	byID := make(map[SectorID]Sector, len(list))
	for _, s := range list {
		for i := range s.Duties {
			d := &s.Duties[i]
			d.Sector = s.ID
			d.Department = departmentCalled[d.Body]
		}
		byID[s.ID] = s
	}
	return list, byID
}

// ParseSector reads a sector's id; anything that is not one of the twenty-two is ErrSector.
func ParseSector(s string) (SectorID, error) {
	if _, ok := sectorOf[SectorID(s)]; !ok {
		return "", ErrSector.Saying("没有这个行业领域：%.40q", s)
	}
	return SectorID(s), nil
}

// Sectors returns the plan's fifteen in its order, then the seven within 其他重点领域. The caller must not change the
// duties, which are shared.
func Sectors() []Sector { return append([]Sector(nil), sectors...) }

// SectorByID finds a sector.
func SectorByID(id SectorID) (Sector, bool) {
	s, ok := sectorOf[id]
	return s, ok
}

// Name returns the sector's name as printed, or the id itself if there is no such sector.
func (id SectorID) Name() string {
	if s, ok := sectorOf[id]; ok {
		return s.Name
	}
	return string(id)
}

// WithParent returns the sector and the one that it is part of, if any: what a grant may name to cover it.
func (id SectorID) WithParent() []SectorID {
	if p := sectorOf[id].Parent; p != "" {
		return []SectorID{id, p}
	}
	return []SectorID{id}
}

// Subsectors returns the sectors within id; only OtherSector has any.
func (id SectorID) Subsectors() []SectorID {
	var out []SectorID
	for _, s := range sectors {
		if s.Parent == id && id != "" {
			out = append(out, s.ID)
		}
	}
	return out
}
