package checklist

import (
	"slices"
	"strings"
)

// conversion turns a value of one unit into another by one exact multiplication and one exact division, so that
// 10‰ is 1% and not 1.0000000000000002%.
type conversion struct {
	from, to string
	mul, div float64
}

// conversions is the whole table: a unit pair that is not here is a wrong unit and goes to a person.
var conversions = []conversion{
	{"‰", "%", 1, 10},
	{"%", "‰", 10, 1},
	{"ppm", "%", 1, 10000},
	{"%", "ppm", 10000, 1},
	{"kPa", "MPa", 1, 1000},
	{"Pa", "MPa", 1, 1000000},
	{"MPa", "kPa", 1000, 1},
	{"Pa", "kPa", 1, 1000},
	{"bar", "MPa", 1, 10},
	{"mm", "cm", 1, 10},
	{"mm", "m", 1, 1000},
	{"cm", "mm", 10, 1},
	{"cm", "m", 1, 100},
	{"m", "cm", 100, 1},
	{"m", "mm", 1000, 1},
	{"km", "m", 1000, 1},
	{"g", "kg", 1, 1000},
	{"kg", "t", 1, 1000},
	{"t", "kg", 1000, 1},
	{"万t", "t", 10000, 1},
	{"min", "h", 1, 60},
	{"h", "min", 60, 1},
	{"h", "天", 1, 24},
	{"天", "h", 24, 1},
	{"m/min", "m/s", 1, 60},
	{"m³/h", "m³/min", 1, 60},
	{"m³/s", "m³/min", 60, 1},
}

// Units are the units that convert into another, for those who offer a choice. Others are allowed: they only do not convert.
func Units() []string {
	var units []string
	for _, c := range conversions {
		if !slices.Contains(units, c.from) {
			units = append(units, c.from)
		}
	}
	return units
}

// unitSpelling makes the spellings of one unit equal: full-width signs of Chinese input methods and plain-letter powers.
var unitSpelling = strings.NewReplacer("％", "%", "　", "", " ", "", "m3", "m³", "°C", "℃", "毫米", "mm", "厘米", "cm", "千帕", "kPa", "兆帕", "MPa", "千克", "kg", "公斤", "kg", "小时", "h")

// spell returns the one spelling of a unit; 米, 吨 and 分钟 are replaced only when they are the whole unit.
func spell(unit string) string {
	unit = unitSpelling.Replace(unit)
	switch unit {
	case "米":
		return "m"
	case "吨":
		return "t"
	case "万吨":
		return "万t"
	case "分钟":
		return "min"
	case "d", "日":
		return "天"
	case "PPM":
		return "ppm"
	case "%CH4":
		return "%"
	}
	return unit
}

// convert expresses a value in another unit. ok is false when the pair is not in the table; a missing unit is a wrong one.
func convert(value float64, from, to string) (float64, bool) {
	from, to = spell(from), spell(to)
	if from == to {
		return value, true
	}
	for _, c := range conversions {
		if c.from == from && c.to == to {
			return value * c.mul / c.div, true
		}
	}
	return 0, false
}
