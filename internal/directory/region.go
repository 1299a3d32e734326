package directory

import (
	_ "embed"
	"strings"

	"gopkg.in/yaml.v3"
)

// RegionCode is an administrative division's code of GB/T 2260 without trailing zeros: "53", "5325", "532504".
// A value made by ParseRegion is one of the tree's.
type RegionCode string

// The two regions that code may name; the divisions below are data.
const (
	Yunnan RegionCode = "53"
	Honghe RegionCode = "5325"
)

// Level is how high a region stands.
type Level string

// The levels of the tree.
const (
	Province   Level = "province"
	Prefecture Level = "prefecture"
	County     Level = "county" // counties, county-level cities and autonomous counties alike
)

// Region is one administrative division.
type Region struct {
	Code   RegionCode `json:"code" yaml:"code"`
	Name   string     `json:"name" yaml:"name"`
	Short  string     `json:"short" yaml:"short"` // as people say it: 个旧
	Level  Level      `json:"level" yaml:"-"`
	Parent RegionCode `json:"parent,omitempty" yaml:"-"`
}

//go:embed seed/regions.yaml
var regionSeed []byte

var regions, regionOf = loadRegions(regionSeed)

// loadRegions reads the embedded tree; it panics on a broken file because the program cannot do anything without it,
// and a test reads the same bytes.
func loadRegions(seed []byte) ([]Region, map[RegionCode]Region) {
	var list []Region
	if err := yaml.Unmarshal(seed, &list); err != nil {
		panic("directory: seed/regions.yaml: " + err.Error())
	}
	byCode := make(map[RegionCode]Region, len(list))
	for i := range list {
		r := &list[i]
		r.Level, r.Parent = place(r.Code)
		byCode[r.Code] = *r
	}
	return list, byCode
}

// place derives level and parent from a code: GB/T 2260 builds codes of two digits a level.
func place(c RegionCode) (Level, RegionCode) {
	switch len(c) {
	case 2:
		return Province, ""
	case 4:
		return Prefecture, c[:2]
	default:
		return County, c[:4]
	}
}

// ParseRegion reads a code, with or without the trailing zeros of its six-digit form ("532500" is "5325").
// Anything that is not in the tree is ErrRegion.
func ParseRegion(s string) (RegionCode, error) {
	c := s
	if len(c) == 6 {
		for strings.HasSuffix(c, "00") && len(c) > 2 {
			c = c[:len(c)-2]
		}
	}
	if _, ok := regionOf[RegionCode(c)]; !ok {
		return "", ErrRegion.Saying("没有这个行政区划代码：%.20q", s)
	}
	return RegionCode(c), nil
}

// Regions returns the whole tree, wider regions before narrower ones and then by code.
func Regions() []Region { return append([]Region(nil), regions...) }

// RegionByCode finds a region.
func RegionByCode(c RegionCode) (Region, bool) {
	r, ok := regionOf[c]
	return r, ok
}

// Name returns the region's full Chinese name, or the code itself if it is not in the tree.
func (c RegionCode) Name() string {
	if r, ok := regionOf[c]; ok {
		return r.Name
	}
	return string(c)
}

// Level returns how high the region stands.
func (c RegionCode) Level() Level {
	l, _ := place(c)
	return l
}

// Within reports whether c is a or lies below it.
func (c RegionCode) Within(a RegionCode) bool {
	return a != "" && strings.HasPrefix(string(c), string(a))
}

// Ancestors returns the regions that contain c, widest first, c itself last; nil for a code outside the tree.
func Ancestors(c RegionCode) []RegionCode {
	if _, ok := regionOf[c]; !ok {
		return nil
	}
	var out []RegionCode
	for n := 2; n <= len(c); n += 2 {
		out = append(out, c[:n])
	}
	return out
}

// Children returns the regions directly below c, by code.
func Children(c RegionCode) []Region {
	var out []Region
	for _, r := range regions {
		if r.Parent == c {
			out = append(out, r)
		}
	}
	return out
}
