package media

import (
	"fmt"
	"strings"
	"time"
)

// Elsewhere is another use of a photo, with what decides how it is told.
type Elsewhere struct {
	Sighting
	Same    bool // the same bytes
	Open    bool // whoever reads the marks of this record may see that one too: then it is named
	Earlier bool // it shows an earlier state by what it was used for, whenever it arrived: the photos of the finding
}

// mostSeen bounds what one mark names.
const mostSeen = 5

// Likenesses are the doubts about a photo that arrived at that time and was seen elsewhere: the same bytes, or a picture
// that looks the same. fixing tells that the photo is to show what was put right: then one that is older, or shows the
// finding itself, is a doubt of its own. A record that the reader may not see is counted and neither named nor dated.
func Likenesses(at time.Time, fixing bool, seen []Elsewhere) (ms []Mark) {
	var same, alike, earlier []Elsewhere
	for _, e := range seen {
		switch {
		case fixing && (e.Earlier || e.At.Before(at)):
			earlier = append(earlier, e)
		case e.Earlier: // of one hazard's story: expected, unless it is said to show the end of it
		case e.Same:
			same = append(same, e)
		default:
			alike = append(alike, e)
		}
	}
	add := func(code MarkCode, what string, es []Elsewhere) {
		if len(es) == 0 {
			return
		}
		m := Mark{Code: code, Text: what}
		var told []string
		hidden := 0
		for _, e := range es {
			switch {
			case !e.Open:
				hidden++
			case len(m.Seen) < mostSeen:
				m.Seen = append(m.Seen, e.Sighting)
				told = append(told, fmt.Sprintf("记录 %s（%s收到，%s）", e.Record, e.At.In(beijing).Format("2006-01-02 15:04"), e.howAlike()))
			}
		}
		if hidden > 0 {
			told = append(told, fmt.Sprintf("另有 %d 处在您的监管范围之外的记录中，其中最接近的%s", hidden, closest(es).howAlike()))
		}
		m.Text += "：" + strings.Join(told, "；")
		ms = append(ms, m)
	}
	add(Reused, "整改照片与较早的照片相同或几乎相同，可能不是整改后拍摄的", earlier)
	add(Duplicate, fmt.Sprintf("同一个照片文件还用在另外 %d 处", len(same)), same)
	add(Resembles, fmt.Sprintf("与另外 %d 处的照片几乎相同，可能是同一张照片经缩放、压缩或编辑后再次使用", len(alike)), alike)
	return ms
}

// beijing is the zone of what people read.
var beijing = time.FixedZone("UTC+8", 8*3600)

func (e Elsewhere) howAlike() string {
	if e.Same {
		return "是同一个文件"
	}
	return fmt.Sprintf("画面指纹 64 位中相差 %d 位", e.Distance)
}

// closest returns the hidden use that is most alike.
func closest(es []Elsewhere) (c Elsewhere) {
	first := true
	for _, e := range es {
		if !e.Open && (first || e.Same && !c.Same || e.Same == c.Same && e.Distance < c.Distance) {
			c, first = e, false
		}
	}
	return c
}
