package media

import "time"

// maxDevices bounds how many devices' sums are kept; beyond it the day's sums begin anew, in the devices' favour.
const maxDevices = 100_000

// quota sums what each device began to send today. It is kept in memory: a restart begins the day anew, and several
// processes sum apart, so a device may send a little more than the limit, never less.
type quota struct {
	day  string
	sums map[string]sum
}

type sum struct {
	photos int
	bytes  int64
}

// field is the zone whose midnight ends a day.
var field = time.FixedZone("UTC+8", 8*3600)

// take counts one photo, or returns ErrQuota and counts nothing.
func (q *quota) take(device string, bytes int64, l Limits, now time.Time) error {
	if l.DayPhotos <= 0 && l.DayBytes <= 0 || device == "" {
		return nil
	}
	if day := now.In(field).Format(time.DateOnly); day != q.day || q.sums == nil || len(q.sums) >= maxDevices {
		q.day, q.sums = day, map[string]sum{}
	}
	s := q.sums[device]
	s.photos, s.bytes = s.photos+1, s.bytes+bytes
	if l.DayPhotos > 0 && s.photos > l.DayPhotos {
		return ErrQuota.Saying("这台设备今天已上传 %d 张照片，达到每日上限；照片保留在平板上，明天继续上传", l.DayPhotos)
	}
	if l.DayBytes > 0 && s.bytes > l.DayBytes {
		return ErrQuota.Saying("这台设备今天上传的照片达到每日上限 %.0f MB；照片保留在平板上，明天继续上传", megabytes(l.DayBytes))
	}
	q.sums[device] = s
	return nil
}
