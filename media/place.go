package media

import "math"

// System is the coordinate system of a position; a position without one is not a position.
type System string

// The systems. Satellites and EXIF speak WGS-84; Chinese maps show GCJ-02, which is up to about 700 m off.
const (
	WGS84 System = "WGS-84"
	GCJ02 System = "GCJ-02"
)

// Place is a position in degrees. The zero value is no position.
type Place struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	System    System  `json:"system"`
}

// IsZero reports whether p is no position.
func (p Place) IsZero() bool { return p == Place{} }

// Valid returns ErrCoordinate unless p is a point on Earth in a known system.
func (p Place) Valid() error {
	ok := math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180 && (p.System == WGS84 || p.System == GCJ02)
	if !ok { // NaN fails every comparison and ends here too
		return ErrCoordinate
	}
	return nil
}

// WGS returns p in WGS-84. GCJ-02 has no published inverse: the forward formula, as it is commonly known, is inverted
// by repetition to less than 1e-7 degrees (1 cm); the formula itself is good to some metres against the real shift.
func (p Place) WGS() Place {
	if p.System != GCJ02 {
		return p
	}
	w := Place{p.Latitude, p.Longitude, WGS84}
	for range 10 {
		g := w.GCJ()
		dLat, dLon := p.Latitude-g.Latitude, p.Longitude-g.Longitude
		w.Latitude += dLat
		w.Longitude += dLon
		if math.Abs(dLat)+math.Abs(dLon) < 1e-9 {
			break
		}
	}
	return w
}

// GCJ returns p in GCJ-02. Outside the box of China the two systems are the same.
func (p Place) GCJ() Place {
	if p.System == GCJ02 {
		return p
	}
	if p.Longitude < 72.004 || p.Longitude > 137.8347 || p.Latitude < 0.8293 || p.Latitude > 55.8271 {
		return Place{p.Latitude, p.Longitude, GCJ02}
	}
	const a, ee = 6378245.0, 0.00669342162296594323 // Krasovsky 1940
	x, y := p.Longitude-105, p.Latitude-35
	wave := func(amplitudes [2]float64, v, f1, f2 float64) float64 {
		return (amplitudes[0]*math.Sin(v*f1*math.Pi) + amplitudes[1]*math.Sin(v*f2*math.Pi)) * 2 / 3
	}
	common := wave([2]float64{20, 20}, x, 6, 2)
	dLat := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*math.Sqrt(math.Abs(x)) + common +
		wave([2]float64{20, 40}, y, 1, 1.0/3) + wave([2]float64{160, 320}, y, 1.0/12, 1.0/30)
	dLon := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*math.Sqrt(math.Abs(x)) + common +
		wave([2]float64{20, 40}, x, 1, 1.0/3) + wave([2]float64{150, 300}, x, 1.0/12, 1.0/30)
	rad := p.Latitude / 180 * math.Pi
	magic := 1 - ee*math.Sin(rad)*math.Sin(rad)
	dLat = dLat * 180 / (a * (1 - ee) / (magic * math.Sqrt(magic)) * math.Pi)
	dLon = dLon * 180 / (a / math.Sqrt(magic) * math.Cos(rad) * math.Pi)
	return Place{p.Latitude + dLat, p.Longitude + dLon, GCJ02}
}

// Metres returns the great-circle distance of two positions, in one system (haversine on a sphere of 6,371,008.8 m;
// at most 0.6 % wrong).
func Metres(a, b Place) float64 {
	a, b = a.WGS(), b.WGS()
	rad := math.Pi / 180
	sLat := math.Sin((b.Latitude - a.Latitude) * rad / 2)
	sLon := math.Sin((b.Longitude - a.Longitude) * rad / 2)
	h := sLat*sLat + math.Cos(a.Latitude*rad)*math.Cos(b.Latitude*rad)*sLon*sLon
	return 2 * 6371008.8 * math.Asin(math.Sqrt(min(1, h)))
}
