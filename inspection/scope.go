package inspection

import "paicha/media"

// Hash is the name of a photo.
type Hash = media.SHA256

// Words of the directory.
type (
	RegionCode   string
	Sector       string
	EnterpriseID string
	UserID       string
	DeviceID     string
)
