package media

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// MarkCode names a doubt; stable, for machines.
type MarkCode string

// The doubts.
const (
	NoEXIF     MarkCode = "no_exif"
	Edited     MarkCode = "edited"
	Before     MarkCode = "taken_before"
	After      MarkCode = "taken_after"
	FarAway    MarkCode = "far_from_site"
	TwoPlaces  MarkCode = "exif_position_differs"
	MockPlace  MarkCode = "mock_location"
	ClockSkew  MarkCode = "clock_skew"
	Incomplete MarkCode = "truncated"
	Screenshot MarkCode = "screenshot"
	LongVideo  MarkCode = "long_video"
	Duplicate  MarkCode = "duplicate"                 // the same bytes in another record
	Resembles  MarkCode = "near_duplicate"            // a picture that looks the same in another record
	Reused     MarkCode = "near_duplicate_of_earlier" // a photo of what was put right that shows an earlier state, or another place
)

// Mark is a doubt about a photo, for the supervisor. It never refuses anything.
type Mark struct {
	Code MarkCode `json:"code"`
	Text string   `json:"text"` // Chinese, with the numbers

	// Seen are other uses of the photo or of one that looks like it, as far as everybody may see them who reads this.
	Seen []Sighting `json:"seen,omitempty"`
}

// Visit is what a photo is compared with.
type Visit struct {
	Start, End time.Time      // of the inspection, server time; zero: not known
	Site       Place          // of the enterprise; zero: not known
	Radius     float64        // metres around Site that count as on site; 0 means 500
	Skew       time.Duration  // device clock minus server clock at the last contact
	Zone       *time.Location // of times without a zone; required
}

// margin is how far a time may be off before it is a doubt; as in design.md for clocks.
const margin = 5 * time.Minute

// longVideo is what is no short clip any more.
const longVideo = 2 * time.Minute

// clock says a length as 1 分 05 秒.
func clock(d time.Duration) string {
	return fmt.Sprintf("%d 分 %02d 秒", int(d.Minutes()), int(d.Seconds())%60)
}

// editors are programs that change pictures, as they write themselves into Software or CreatorTool, in lower case.
var editors = []string{
	"photoshop", "lightroom", "gimp", "snapseed", "picsart", "meitu", "美图", "醒图", "xingtu", "affinity", "pixelmator", "paint", "canva", "acdsee", "faceapp",
}

// Doubts compares what a photo says of itself and what the app wrote with the visit.
func Doubts(p Photo, c Capture, v Visit) []Mark {
	var ms []Mark
	add := func(code MarkCode, format string, args ...any) {
		ms = append(ms, Mark{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	f := p.Facts
	picture := p.Type != MP4 && p.Type != PDF
	if p.Truncated {
		add(Incomplete, "文件不完整，缺少结尾部分，但与检查记录中的指纹一致")
	}
	if picture && !f.Present {
		add(NoEXIF, "照片没有拍摄信息（EXIF），可能经过转发或截图")
	}
	for _, by := range []string{f.Software, f.Editor} {
		if isEditor(by) {
			add(Edited, "照片经软件“%s”处理过", by)
			break
		}
	}
	if shot := strings.ToLower(f.Software + f.Editor); strings.Contains(shot, "screenshot") || p.Type == PNG && f.Make == "" {
		add(Screenshot, "照片可能是屏幕截图（格式 %s，%d×%d，没有相机信息）", p.Type, p.Width, p.Height)
	}
	if length := time.Duration(p.Length) * time.Millisecond; length > longVideo {
		add(LongVideo, "视频长 %s，超过 %s 的短片，请说明需要查看的时间段", clock(length), clock(longVideo))
	}
	taken := f.Taken.In(v.Zone)
	from := "照片的拍摄时间"
	if taken.IsZero() || !f.Taken.Exact {
		taken, from = c.At, "设备记录的拍摄时间"
	}
	if !taken.IsZero() {
		taken = taken.Add(-v.Skew)
		if d := v.Start.Sub(taken); !v.Start.IsZero() && d > margin {
			add(Before, "%s（%s）比检查开始早 %s", from, taken.In(v.Zone).Format("2006-01-02 15:04"), span(d))
		}
		if d := taken.Sub(v.End); !v.End.IsZero() && d > margin {
			add(After, "%s（%s）比检查结束晚 %s", from, taken.In(v.Zone).Format("2006-01-02 15:04"), span(d))
		}
	}
	if v.Skew > margin || v.Skew < -margin {
		word := "快"
		if v.Skew < 0 {
			word = "慢"
		}
		add(ClockSkew, "设备时钟比服务器%s %s，时间比较已按此校正", word, span(v.Skew.Abs()))
	}
	ms = append(ms, placeDoubts(f.GPS.Place, c, v)...)
	if c.Mock {
		add(MockPlace, "拍摄时设备使用了模拟定位，位置不可信")
	}
	return ms
}

// placeDoubts compares the camera's, the app's and the enterprise's positions, all in WGS-84.
func placeDoubts(camera Place, c Capture, v Visit) (ms []Mark) {
	device := c.Place()
	if device.Valid() != nil {
		device = Place{}
	}
	radius := v.Radius
	if radius <= 0 {
		radius = 500
	}
	where, from, slack := device, "设备定位", math.Max(0, c.Accuracy)
	if where.IsZero() {
		where, from, slack = camera, "照片中的位置", 0
	}
	if where.Valid() == nil && v.Site.Valid() == nil {
		if d := Metres(where, v.Site); d > radius+slack {
			ms = append(ms, Mark{Code: FarAway, Text: fmt.Sprintf("%s距企业登记地点约 %.0f 米，超过允许的 %.0f 米", from, d, radius+slack)})
		}
	}
	if device.Valid() == nil && camera.Valid() == nil {
		if d := Metres(device, camera); d > 500+slack {
			ms = append(ms, Mark{Code: TwoPlaces, Text: fmt.Sprintf("照片中的位置与设备定位相差约 %.0f 米", d)})
		}
	}
	return ms
}

func isEditor(s string) bool {
	s = strings.ToLower(s)
	for _, e := range editors {
		if strings.Contains(s, e) {
			return true
		}
	}
	return false
}

// span says a duration in Chinese, coarsely.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f 天", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f 小时", d.Hours())
	default:
		return fmt.Sprintf("%.0f 分钟", d.Minutes())
	}
}
