package directory

// CoordinateSystem says how a latitude and longitude are to be read; the two differ by some hundred metres in China,
// so that it is never left unsaid.
type CoordinateSystem string

// The coordinate systems.
const (
	WGS84 CoordinateSystem = "WGS-84" // what a receiver measures
	GCJ02 CoordinateSystem = "GCJ-02" // what Chinese maps print
)

// Location is a point on the ground, in degrees, north and east positive.
type Location struct {
	Latitude  float64          `json:"latitude" yaml:"latitude"`
	Longitude float64          `json:"longitude" yaml:"longitude"`
	System    CoordinateSystem `json:"system" yaml:"system"`
}

// Validate returns ErrLocation for a point that is not on the globe or says no system.
func (l Location) Validate() error {
	inRange := l.Latitude >= -90 && l.Latitude <= 90 && l.Longitude >= -180 && l.Longitude <= 180 // NaN is not
	if !inRange || (l.System != WGS84 && l.System != GCJ02) {
		return ErrLocation
	}
	return nil
}
