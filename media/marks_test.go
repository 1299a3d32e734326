package media_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/media"
)

var (
	visitBegins = time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC) // 08:00 in Honghe
	honghe      = time.FixedZone("UTC+8", 8*3600)
	works       = media.Place{Latitude: 23.3668, Longitude: 103.3842, System: media.WGS84}
)

func visit() media.Visit {
	return media.Visit{Start: visitBegins, End: visitBegins.Add(2 * time.Hour), Site: works, Surveyed: true, Zone: honghe}
}

// sound is a photo and its manifest of which there is nothing to say.
func sound() (media.Photo, media.Capture) {
	at := visitBegins.Add(30 * time.Minute)
	return media.Photo{
		Type: media.JPEG, Width: 4032, Height: 3024,
		Facts: media.Facts{
			Present: true, Make: "HUAWEI", Model: "BAH3-W09", Software: "BAH3-W09 11.0.0.180",
			Taken: media.Taken{At: at, Zoned: true, Exact: true}, GPS: media.GPS{Place: works},
		},
	}, media.Capture{
		At: at, Latitude: works.Latitude, Longitude: works.Longitude, System: media.WGS84, Accuracy: 15,
	}
}

func TestDoubts(t *testing.T) {
	type with = func(*media.Photo, *media.Capture, *media.Visit)
	local := func(hour, minute int) media.Taken { // without a zone, as most cameras write
		return media.Taken{At: time.Date(2023, 6, 1, hour, minute, 0, 0, time.UTC), Exact: true}
	}
	for name, c := range map[string]struct {
		is   with
		want string // codes
		says string
	}{
		"Sound":      {func(*media.Photo, *media.Capture, *media.Visit) {}, "", ""},
		"NoEXIF":     {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts = media.Facts{} }, "no_exif", "EXIF"},
		"Truncated":  {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Truncated = true }, "truncated", ""},
		"Photoshop":  {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Software = "Adobe Photoshop 24.1" }, "edited", "Photoshop"},
		"Meitu":      {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Editor = "美图秀秀" }, "edited", "美图秀秀"},
		"Snapseed":   {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Software = "Snapseed 2.0" }, "edited", ""},
		"MadeOfWord": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Editor = "Adobe Firefly" }, "edited", ""},
		"ScreenPNG": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) {
			p.Type, p.Facts = media.PNG, media.Facts{}
		}, "no_exif screenshot", "PNG"},
		"ScreenOfAnIPad": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) {
			p.Width, p.Height, p.Facts = 2732, 2048, media.Facts{}
		}, "no_exif screenshot", "2732×2048"},
		"ScreenSaysSo":         {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Comment = "Screenshot" }, "screenshot", "自称"},
		"CameraOfAScreensSize": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Width, p.Height = 2732, 2048 }, "", ""},
		"LocalTimeInTheVisit":  {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Taken = local(8, 30) }, "", ""},
		"LocalTimeBefore":      {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Taken = local(7, 0) }, "taken_before", "60 分钟"},
		"LocalTimeAfter":       {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Taken = local(13, 0) }, "taken_after", "3 小时"},
		"AMonthOld": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) {
			p.Facts.Taken.At = visitBegins.AddDate(0, -1, 0)
		}, "taken_before", "31 天"},
		"ZoneOfAnotherCountry": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) {
			p.Facts.Taken.At = p.Facts.Taken.At.In(time.FixedZone("", -5*3600))
		}, "", ""},
		"FourMinutesEarly": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.Taken = local(7, 56) }, "", ""},
		"ManifestWithoutEXIFTime": {func(p *media.Photo, c *media.Capture, _ *media.Visit) {
			p.Facts.Taken = media.Taken{}
			c.At = visitBegins.Add(-time.Hour)
		}, "taken_before", "设备记录"},
		"TimeOfChangeIsNone": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) {
			p.Facts.Taken = media.Taken{At: visitBegins.AddDate(0, 1, 0), Zoned: true}
		}, "", ""},
		"ClockAnHourFast": {func(p *media.Photo, c *media.Capture, v *media.Visit) {
			v.Skew, p.Facts.Taken.At, c.At = time.Hour, p.Facts.Taken.At.Add(time.Hour), c.At.Add(time.Hour)
		}, "clock_skew", "快 60 分钟"},
		"ClockSlow": {func(_ *media.Photo, _ *media.Capture, v *media.Visit) { v.Skew = -10 * time.Minute }, "clock_skew", "慢 10 分钟"},
		"Mock":      {func(_ *media.Photo, c *media.Capture, _ *media.Visit) { c.Mock = true }, "mock_location", ""},
		"Far": {func(p *media.Photo, c *media.Capture, _ *media.Visit) {
			c.Latitude, p.Facts.GPS = c.Latitude+0.1, media.GPS{}
		}, "far_from_site", "企业登记地点约 111"},
		"FarByItsEXIFAlone": {func(p *media.Photo, c *media.Capture, _ *media.Visit) {
			*c = media.Capture{At: c.At}
			p.Facts.GPS.Latitude += 0.1
		}, "far_from_site", "照片中的位置"},
		"FarFromWhereItBegan": {func(p *media.Photo, c *media.Capture, v *media.Visit) {
			c.Latitude, p.Facts.GPS, v.Surveyed = c.Latitude+0.1, media.GPS{}, false
		}, "far_from_site", "检查开始时的定位"},
		"TwoPlaces": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Facts.GPS.Longitude += 0.1 }, "exif_position_differs", ""},
		"SamePlaceInGCJ": {func(_ *media.Photo, c *media.Capture, _ *media.Visit) {
			g := works.GCJ()
			c.Latitude, c.Longitude, c.System = g.Latitude, g.Longitude, media.GCJ02
		}, "", ""},
		"GCJCalledWGS": {func(p *media.Photo, c *media.Capture, v *media.Visit) {
			g := works.GCJ() // about 350 m here
			c.Latitude, c.Longitude, p.Facts.GPS, v.Radius = g.Latitude, g.Longitude, media.GPS{}, 200
		}, "far_from_site", ""},
		"ImpreciseIsAllowedFor": {func(p *media.Photo, c *media.Capture, _ *media.Visit) {
			c.Latitude, c.Accuracy, p.Facts.GPS = c.Latitude+0.01, 2000, media.GPS{}
		}, "", ""},
		"NoPlaceAtAll": {func(p *media.Photo, c *media.Capture, _ *media.Visit) {
			*c, p.Facts.GPS = media.Capture{At: c.At}, media.GPS{}
		}, "", ""},
		"NoVisitKnown": {func(_ *media.Photo, _ *media.Capture, v *media.Visit) { *v = media.Visit{Zone: honghe} }, "", ""},
		"LongVideo": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) {
			p.Type, p.Length, p.Facts = media.MP4, 185_000, media.Facts{}
		}, "long_video", "3 分 05 秒"},
		"Document": {func(p *media.Photo, _ *media.Capture, _ *media.Visit) { p.Type, p.Facts = media.PDF, media.Facts{} }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, m := sound()
			v := visit()
			c.is(&p, &m, &v)
			var codes []string
			text := ""
			for _, x := range media.Doubts(p, m, v) {
				codes, text = append(codes, string(x.Code)), text+x.Text
			}
			if got := strings.Join(codes, " "); got != c.want || !strings.Contains(text, c.says) {
				t.Fatalf("%q: %s; want %q: %s", got, text, c.want, c.says)
			}
		})
	}
}

func TestLikenesses(t *testing.T) {
	at := visitBegins
	seen := func(days, distance int, same, open, earlier bool) media.Elsewhere {
		return media.Elsewhere{
			Sighting: media.Sighting{Record: "other", At: at.AddDate(0, 0, days), Distance: distance}, Same: same, Open: open, Earlier: earlier,
		}
	}
	for name, c := range map[string]struct {
		fixing bool
		seen   []media.Elsewhere
		want   string
		says   []string
		hides  bool
	}{
		"Nowhere":             {want: ""},
		"SameFile":            {seen: []media.Elsewhere{seen(-1, 0, true, true, false)}, want: "duplicate", says: []string{"同一个文件", "other", "2023-05-31 08:00"}},
		"Resembling":          {seen: []media.Elsewhere{seen(1, 4, false, true, false)}, want: "near_duplicate", says: []string{"相差 4 位"}},
		"SamePictureNewFile":  {seen: []media.Elsewhere{seen(1, 0, false, true, false)}, want: "near_duplicate", says: []string{"相差 0 位"}},
		"Both":                {seen: []media.Elsewhere{seen(-1, 0, true, true, false), seen(-1, 2, false, true, false)}, want: "duplicate near_duplicate"},
		"OutOfSight":          {seen: []media.Elsewhere{seen(-1, 4, false, false, false), seen(-1, 2, false, false, false)}, want: "near_duplicate", says: []string{"2 处", "相差 2 位"}, hides: true},
		"FixShowsTheFinding":  {fixing: true, seen: []media.Elsewhere{seen(1, 4, false, true, true)}, want: "near_duplicate_of_earlier", says: []string{"可能不是整改后拍摄"}},
		"FixIsOld":            {fixing: true, seen: []media.Elsewhere{seen(-30, 0, true, true, false)}, want: "near_duplicate_of_earlier"},
		"FixUsedLaterToo":     {fixing: true, seen: []media.Elsewhere{seen(3, 0, true, true, false)}, want: "duplicate"},
		"FindingIsNoDoubt":    {seen: []media.Elsewhere{seen(1, 4, false, true, true)}, want: ""},
		"ManyAreCountedAlone": {seen: slices.Repeat([]media.Elsewhere{seen(-1, 2, false, true, false)}, 20), want: "near_duplicate", says: []string{"20 处"}},
	} {
		t.Run(name, func(t *testing.T) {
			var codes []string
			text := ""
			for _, m := range media.Likenesses(at, c.fixing, c.seen) {
				codes, text = append(codes, string(m.Code)), text+m.Text
				if len(m.Seen) > 5 || c.hides && len(m.Seen) > 0 {
					t.Fatal(m.Seen)
				}
			}
			if got := strings.Join(codes, " "); got != c.want {
				t.Fatalf("%q, want %q: %s", got, c.want, text)
			}
			for _, s := range c.says {
				if !strings.Contains(text, s) {
					t.Errorf("does not say %s: %s", s, text)
				}
			}
			if c.hides && (strings.Contains(text, "other") || strings.Contains(text, "2023")) {
				t.Error("tells what may not be seen: ", text)
			}
		})
	}
}
