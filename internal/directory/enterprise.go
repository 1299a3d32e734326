package directory

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"paicha/internal/store"

	"golang.org/x/text/unicode/norm"
)

// EnterpriseID names an enterprise, whether or not it has a credit code.
type EnterpriseID string

// EnterpriseStatus is whether a unit is working.
type EnterpriseStatus string

// The statuses.
const (
	Operating EnterpriseStatus = "operating" // 正常生产经营
	Suspended EnterpriseStatus = "suspended" // 停产停业
	Closed    EnterpriseStatus = "closed"    // 已关闭
)

// WorksType is the sort of a construction project, a 其中 row of Annex 2.
type WorksType string

// The works of Annex 2's 建设项目.
const (
	WorksBuilding WorksType = "房屋市政"
	WorksHighway  WorksType = "公路"
	WorksRailway  WorksType = "铁路"
	WorksWater    WorksType = "水利"
	WorksPower    WorksType = "电力"
)

// Hydropower is the size of a hydropower station by installed capacity, a 其中 row of Annex 2.
type Hydropower string

// The sizes of Annex 2's 水电站.
const (
	HydroLarge Hydropower = "≥5万kW" // 5万（含）以上
	HydroSmall Hydropower = "<5万kW" // 5万以下
)

// Attributes are the marks that rows of Annex 2 count by and the sectors do not tell.
type Attributes struct {
	Park            string     `json:"park,omitempty" yaml:"park"`                        // 各类园区: the park's name; empty: in none
	Works           WorksType  `json:"works,omitempty" yaml:"works"`                      // 建设项目
	Hydropower      Hydropower `json:"hydropower,omitempty" yaml:"hydropower"`            // 水电站
	RoadFacility    bool       `json:"roadFacility,omitempty" yaml:"road_facility"`       // 公路设施
	FloodControl    bool       `json:"floodControl,omitempty" yaml:"flood_control"`       // 防汛减灾
	OldInstallation bool       `json:"oldInstallation,omitempty" yaml:"old_installation"` // 老旧装置
	HighRiskPlant   bool       `json:"highRiskPlant,omitempty" yaml:"high_risk_plant"`    // 高危装置
	AccidentProne   bool       `json:"accidentProne,omitempty" yaml:"accident_prone"`     // 事故易发多发企业
}

// Person is somebody in charge at an enterprise.
type Person struct {
	Role string `json:"role" yaml:"role"` // 主要负责人, 安全总监 …
	Name string `json:"name" yaml:"name"`
}

// Enterprise is a supervised unit.
type Enterprise struct {
	ID         EnterpriseID     `json:"id" yaml:"id"`
	Name       string           `json:"name" yaml:"name"`
	CreditCode CreditCode       `json:"creditCode,omitempty" yaml:"credit_code"`
	Region     RegionCode       `json:"region" yaml:"region"`
	Sectors    []SectorID       `json:"sectors" yaml:"sectors"`
	HighRisk   bool             `json:"highRisk,omitempty" yaml:"high_risk"` // 高危行业领域企业
	InCharge   []Person         `json:"inCharge,omitempty" yaml:"in_charge"`
	Address    string           `json:"address,omitempty" yaml:"address"`
	Location   *Location        `json:"location,omitempty" yaml:"location"` // nil: not surveyed yet
	Attributes Attributes       `json:"attributes,omitzero" yaml:"attributes"`
	Status     EnterpriseStatus `json:"status" yaml:"status"`
}

// Normal returns the enterprise with text in NFC, sectors sorted and unique, and a status: the form that is stored.
func (e Enterprise) Normal() Enterprise {
	e.Name = norm.NFC.String(strings.TrimSpace(e.Name))
	e.Address = norm.NFC.String(strings.TrimSpace(e.Address))
	e.Sectors = slices.Clone(e.Sectors)
	slices.Sort(e.Sectors)
	e.Sectors = slices.Compact(e.Sectors)
	if e.Status == "" {
		e.Status = Operating
	}
	return e
}

// Validate checks a normal enterprise: ErrID, ErrName, ErrCreditCode, ErrRegion, ErrSector, ErrLocation or
// ErrEnterprise, each pointing at its field.
func (e Enterprise) Validate() error {
	if !validID(string(e.ID)) {
		return ErrID.At("/id")
	}
	if !validName(e.Name) {
		return ErrName.At("/name")
	}
	if code, err := ParseCreditCode(string(e.CreditCode)); err != nil || code != e.CreditCode {
		return ErrCreditCode.At("/creditCode")
	}
	if _, ok := RegionByCode(e.Region); !ok {
		return ErrRegion.At("/region")
	}
	if len(e.Sectors) == 0 {
		return ErrSector.Saying("企业至少要属于一个行业领域").At("/sectors")
	}
	for _, s := range e.Sectors {
		if _, ok := SectorByID(s); !ok {
			return ErrSector.At("/sectors")
		}
	}
	if e.Location != nil {
		if err := e.Location.Validate(); err != nil {
			return ErrLocation.At("/location")
		}
	}
	if !slices.Contains([]EnterpriseStatus{Operating, Suspended, Closed}, e.Status) {
		return ErrEnterprise.At("/status")
	}
	a := e.Attributes
	if !slices.Contains([]WorksType{"", WorksBuilding, WorksHighway, WorksRailway, WorksWater, WorksPower}, a.Works) {
		return ErrEnterprise.At("/attributes/works")
	}
	if !slices.Contains([]Hydropower{"", HydroLarge, HydroSmall}, a.Hydropower) {
		return ErrEnterprise.At("/attributes/hydropower")
	}
	if len(e.InCharge) > 50 {
		return ErrEnterprise.At("/inCharge")
	}
	return nil
}

// Tokens are those that an enterprise's own document carries.
func (e Enterprise) Tokens() []store.Token {
	return store.SortTokens(append(RegionTokens(e.Region, e.Sectors), EnterpriseToken(e.ID)))
}

// EnterpriseDoc turns a valid enterprise into its document; Base, Rev and memory are the caller's.
func EnterpriseDoc(e Enterprise) (store.Doc, error) {
	e = e.Normal()
	if err := e.Validate(); err != nil {
		return store.Doc{}, err
	}
	fields := store.Fields{
		"name":     store.Text(e.Name),
		"region":   store.Text(string(e.Region)),
		"status":   store.Text(string(e.Status)),
		"highRisk": flag(e.HighRisk),
	}
	if e.CreditCode != "" {
		fields["creditCode"] = store.Text(string(e.CreditCode))
	}
	return document(KindEnterprise, string(e.ID), e.Tokens(), fields, e)
}

// ReadEnterprise reads an enterprise back from its document; ErrUnreadable if it is none.
func ReadEnterprise(d store.Doc) (Enterprise, error) { return read[Enterprise](KindEnterprise, d) }

func flag(b bool) store.Value {
	if b {
		return store.Num(1)
	}
	return store.Num(0)
}

func document[T any](kind store.Kind, id string, tokens []store.Token, fields store.Fields, v T) (store.Doc, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return store.Doc{}, ErrUnreadable.Because(err)
	}
	return store.Doc{Ref: store.Ref{Kind: kind, ID: id}, Tokens: tokens, Fields: fields, Body: body}, nil
}

func read[T any](kind store.Kind, d store.Doc) (T, error) {
	var v T
	if d.Kind != kind {
		return v, ErrUnreadable
	}
	if err := json.Unmarshal(d.Body, &v); err != nil {
		return v, ErrUnreadable.Because(err)
	}
	return v, nil
}

// validID holds ids to what is safe inside a token, a path and a file name.
func validID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

func validName(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= 200 && !strings.ContainsFunc(s, isControl)
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
