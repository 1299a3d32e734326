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

	// RightsEnded: the device was out of use, or the account disabled, when it was handed in.
	RightsEnded MarkCode = "rights_ended"
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
	Site       Place          // zero: not known
	Surveyed   bool           // Site is the enterprise's registered location; else where the check began
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
	"photoshop", "lightroom", "gimp", "snapseed", "picsart", "meitu", "美图", "美颜", "醒图", "xingtu", "retouch", "affinity", "pixelmator", "paint", "canva", "acdsee",
	"faceapp", "faceu", "轻颜", "天天p图", "picsew", "photodirector", "polarr", "vsco", "imagemagick", "graphicsmagick", "captureone", "capture one", "darktable",
	"稿定", "剪映", "capcut",
	// Programs that make pictures of words.
	"stable diffusion", "midjourney", "dall-e", "dall·e", "firefly", "comfyui", "即梦", "豆包",
}

// screens are the pixels of the screens of telephones and tablets, the shorter side first. A camera's pictures have
// none of these sizes.
var screens = map[[2]int]bool{
	{640, 1136}: true, {750, 1334}: true, {828, 1792}: true, {1125, 2436}: true, {1170, 2532}: true, {1179, 2556}: true, {1206, 2622}: true,
	{1242, 2208}: true, {1242, 2688}: true, {1284, 2778}: true, {1290, 2796}: true, {1320, 2868}: true, // iPhone
	{1488, 2266}: true, {1620, 2160}: true, {1640, 2360}: true, {1668, 2224}: true, {1668, 2388}: true, {2048, 2732}: true, {2064, 2752}: true, // iPad
	{720, 1520}: true, {720, 1600}: true, {1080, 2160}: true, {1080, 2220}: true, {1080, 2280}: true, {1080, 2310}: true, {1080, 2316}: true, {1080, 2340}: true,
	{1080, 2376}: true, {1080, 2400}: true, {1080, 2408}: true, {1080, 2412}: true, {1176, 2400}: true, {1200, 2670}: true, {1220, 2712}: true, {1228, 2700}: true,
	{1240, 2772}: true, {1260, 2800}: true, {1264, 2780}: true, {1344, 2772}: true, {1440, 2960}: true, {1440, 3040}: true, {1440, 3088}: true, {1440, 3120}: true,
	{1440, 3200}: true, {1200, 2000}: true, {1600, 2560}: true, {1840, 2800}: true, {1800, 2880}: true, // Android
}

// screenshot reports whether a picture was more likely taken of a screen than by a camera, and why.
func screenshot(p Photo) (why string, is bool) {
	f := p.Facts
	switch name := strings.ToLower(f.Software + f.Editor + f.Comment); {
	case strings.Contains(name, "screenshot") || strings.Contains(name, "截图") || strings.Contains(name, "截屏"):
		return "文件自称是截图", true
	case f.Make != "" || f.Model != "":
		return "", false
	case p.Type == PNG:
		return "格式为 PNG，没有相机信息", true
	case screens[[2]int{min(p.Width, p.Height), max(p.Width, p.Height)}]:
		return fmt.Sprintf("%d×%d 与手机或平板的屏幕相同，没有相机信息", p.Width, p.Height), true
	}
	return "", false
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
			add(Edited, "照片经软件“%s”处理过，画面可能已改动", by)
			break
		}
	}
	if why, is := screenshot(p); is {
		add(Screenshot, "照片可能是屏幕截图（%s）", why)
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
			site := "检查开始时的定位"
			if v.Surveyed {
				site = "企业登记地点"
			}
			ms = append(ms, Mark{Code: FarAway, Text: fmt.Sprintf("%s距%s约 %.0f 米，超过允许的 %.0f 米", from, site, d, radius+slack)})
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
