package attest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"paicha/internal/directory"
	"paicha/media"
)

// State is what became of one claim.
type State string

// The states. Failed alone makes a file not verified.
const (
	OK     State = "ok"
	Failed State = "failed"
	Doubt  State = "doubt" // a person should look
	Told   State = "told"  // said by the server, or by the content; nothing to verify
)

// Fact is one line of a report. Text is for people; Code is stable.
type Fact struct {
	Code   string             `json:"code"`
	State  State              `json:"state"`
	Text   string             `json:"text"`
	Hash   Hash               `json:"content,omitzero"`
	User   directory.UserID   `json:"user,omitzero"`
	Device directory.DeviceID `json:"device,omitzero"`
	Photo  string             `json:"photo,omitzero"`
}

// Report is what a file came to. Verified: it has at least one signed content, and every claim in it holds.
type Report struct {
	Inspection string `json:"inspection"`
	Unit       string `json:"unit,omitzero"` // as the first content says
	Verified   bool   `json:"verified"`
	Facts      []Fact `json:"facts"`
}

// Album is what was found of photos: the hashes of files, and the names of files whose name is another hash.
type Album struct {
	Have  map[media.SHA256]bool
	Wrong []string
}

// Verify checks a file with nothing else at hand. album is nil where photos are not to be checked.
func Verify(f *File, album *Album) Report {
	v := verifier{file: f, keys: map[string]*Key{}, report: Report{Inspection: visible(f.Inspection), Facts: []Fact{}}}
	v.register()
	contents := make([]*Content, len(f.Contents))
	for i := range f.Contents {
		contents[i] = v.content(i, &f.Contents[i])
	}
	v.chain(contents)
	v.photos(contents, album)
	v.report.Verified = len(f.Contents) > 0 && !slices.ContainsFunc(v.report.Facts, func(x Fact) bool { return x.State == Failed })
	return v.report
}

type verifier struct {
	file   *File
	keys   map[string]*Key // those whose fingerprint and device id are their own
	report Report
}

func (v *verifier) say(code string, s State, format string, args ...any) *Fact {
	v.report.Facts = append(v.report.Facts, Fact{Code: code, State: s, Text: fmt.Sprintf(format, args...)})
	return &v.report.Facts[len(v.report.Facts)-1]
}

// register takes up the keys. A fingerprint and a device id follow from the key, so that neither can be lent to another.
func (v *verifier) register() {
	for i := range v.file.Keys {
		k := &v.file.Keys[i]
		print, err := k.PublicKey.Fingerprint()
		if err != nil || print != k.Fingerprint || print[:32] != string(k.Device) {
			v.say("key", Failed, "第%d把公钥不是 P-256 公钥，或者与所写的指纹、设备编号不符", i+1)
			continue
		}
		v.keys[print] = k
	}
}

// content checks one content and all under it; nil if it cannot be read.
func (v *verifier) content(i int, s *Sealed) *Content {
	what := fmt.Sprintf("第%d份内容", i+1)
	if got := Sum(s.Content); got != s.Hash {
		v.say("hash", Failed, "%s 的指纹（SHA-256）与所写的不符：实为 %s", what, got).Hash = s.Hash
		return nil
	}
	c, err := ReadContent(s.Content)
	if err != nil {
		v.say("canonical", Failed, "%s 不是规范的 JSON 形式（RFC 8785），或者形式不认识", what).Hash = s.Hash
		return nil
	}
	if i == 0 && c.Header.Unit.ID != "" {
		v.report.Unit = visible(c.Header.Unit.Name)
	}
	kind := "检查记录"
	if c.Type == TypeAmendment {
		kind = "更正（理由：" + visible(c.Reason) + "）"
	}
	if c.Inspection != v.file.Inspection {
		v.say("inspection", Failed, "%s 说的是另一次检查 %s", what, visible(c.Inspection)).Hash = s.Hash
	} else {
		v.say("content", OK, "%s：%s，规范形式，指纹 %s", what, kind, s.Hash).Hash = s.Hash
	}
	good := map[directory.UserID]bool{}
	for k := range s.Signatures {
		if v.seal(&c, s.Hash, &s.Signatures[k]) {
			good[s.Signatures[k].User] = true
		}
	}
	if len(good) == 0 {
		v.say("unsigned", Failed, "%s 没有一个有效的签名", what).Hash = s.Hash
	}
	v.absent(&c, s, good)
	for k := range s.Declined {
		v.decline(s.Hash, &s.Declined[k])
	}
	if r := c.Representative; r != nil {
		v.representative(s.Hash, r)
	}
	if n := len(s.Differs); n > 0 {
		v.say("differs", Doubt, "服务器说：合并后的记录与所签内容有 %d 处不同，第一处在 %s", n, visible(s.Differs[0].Pointer)).Hash = s.Hash
	}
	return &c
}

func (v *verifier) seal(c *Content, h Hash, s *Seal) bool {
	who := fmt.Sprintf("%s（%s），设备 %s", visible(string(s.User)), partNames[s.As], visible(string(s.Device)))
	note := func(code string, state State, format string, args ...any) {
		f := v.say(code, state, format, args...)
		f.Hash, f.User, f.Device = h, s.User, s.Device
	}
	k := v.keys[s.Key]
	switch {
	case k == nil:
		note("key", Failed, "签名 %s：文件里没有这把公钥 %.16s…", who, visible(s.Key))
		return false
	case k.Device != s.Device || k.User != s.User:
		note("key", Failed, "签名 %s：公钥登记在另一设备或另一人名下", who)
		return false
	}
	if _, err := s.Signature.Check(k.PublicKey, Message(h)); err != nil {
		note("signature", Failed, "签名 %s：签名与内容不符", who)
		return false
	}
	switch s.As {
	case AsTeam:
		if !slices.Contains(c.Team, s.User) {
			note("team", Doubt, "%s 不在所签内容的检查人员名单里", who)
		}
	case AsSupervisor, AsEnterprise:
	default:
		note("part", Failed, "签名 %s：签名身份不认识", who)
		return false
	}
	note("signature", OK, "签名有效：%s，密钥 %.16s…，设备时间 %s，服务器收到 %s", who, k.Fingerprint, day(s.At), day(s.ReceivedAt))
	if k.Revoked {
		switch {
		case k.RevokedAt.IsZero():
			note("revoked", Doubt, "这台设备后来被停用，停用时间没有记录")
		case s.ReceivedAt.Before(k.RevokedAt):
			note("revoked", Told, "这台设备在签名之后（%s）才被停用，签名仍然有效", day(k.RevokedAt))
		default:
			note("revoked", Doubt, "服务器收到签名时，这台设备已被停用（%s）", day(k.RevokedAt))
		}
	}
	return true
}

// absent tells who of the content's team has not signed.
func (v *verifier) absent(c *Content, s *Sealed, good map[directory.UserID]bool) {
	team := map[directory.UserID]bool{}
	for _, u := range slices.Concat(c.Team, s.Waiting) {
		team[u] = true
	}
	for _, u := range slices.Sorted(maps.Keys(team)) {
		if !good[u] {
			f := v.say("waiting", Told, "没有签名：%s（检查人员）", visible(string(u)))
			f.Hash, f.User = s.Hash, u
		}
	}
}

func (v *verifier) decline(h Hash, d *Decline) {
	who := fmt.Sprintf("%s（%s）", visible(string(d.User)), partNames[d.As])
	state, proof := Told, "服务器的记载，没有设备签名"
	if d.Signature != nil {
		state, proof = Failed, "所附的设备签名无效"
		if k := v.keys[d.Key]; k != nil && k.Device == d.Device && k.User == d.User {
			if _, err := d.Signature.Check(k.PublicKey, DeclineMessage(h, d.Reason)); err == nil {
				state, proof = OK, "设备签名有效"
			}
		}
	}
	f := v.say("declined", state, "拒绝签名：%s，%s，理由：%s（%s）", who, day(d.ReceivedAt), visible(d.Reason), proof)
	f.Hash, f.User, f.Device = h, d.User, d.Device
}

func (v *verifier) representative(h Hash, r *Representative) {
	name := visible(r.Name)
	if r.Title != "" {
		name += "（" + visible(r.Title) + "）"
	}
	switch {
	case r.Signed != nil:
		v.say("representative", Told, "内容中写明：企业代表 %s 手写签名，照片 %s", name, r.Signed.Image).Hash = h
	case r.Refused != "":
		v.say("representative", Told, "内容中写明：企业代表 %s 拒绝签字，理由：%s", name, visible(r.Refused)).Hash = h
	default:
		v.say("representative", Told, "内容中写明：企业代表 %s，没有签字", name).Hash = h
	}
}

// chain checks that every amendment amends the content before it.
func (v *verifier) chain(contents []*Content) {
	known := map[Hash]bool{}
	broken := false
	for i, c := range contents {
		s := &v.file.Contents[i]
		if c == nil {
			broken = true
			continue
		}
		switch {
		case c.Type == TypeRecord && i > 0:
			broken = true
			v.say("chain", Failed, "第%d份内容不是更正，却排在检查记录之后", i+1).Hash = s.Hash
		case c.Type == TypeAmendment && i == 0 && c.Amends == "":
			v.say("chain", Doubt, "检查记录本身没有签名，第一份签名内容是更正").Hash = s.Hash
		case c.Type == TypeAmendment && !known[c.Amends]:
			broken = true
			v.say("chain", Failed, "第%d份内容所更正的内容 %.16s… 不在它之前", i+1, visible(string(c.Amends))).Hash = s.Hash
		case c.Type == TypeAmendment && c.Amends != v.file.Contents[i-1].Hash:
			v.say("chain", Doubt, "第%d份内容更正的不是前一份，而是更早的 %.16s…", i+1, c.Amends).Hash = s.Hash
		}
		if known[s.Hash] {
			broken = true
			v.say("chain", Failed, "第%d份内容与前面的一份相同", i+1).Hash = s.Hash
		}
		known[s.Hash] = true
	}
	if !broken && len(contents) > 1 {
		v.say("chain", OK, "更正链完整：%d 份内容逐份相接", len(contents))
	}
	for _, a := range v.file.Amendments {
		switch {
		case a.Content == "":
			v.say("amendment", Doubt, "%s 于 %s 的更正没有签名，理由：%s", visible(string(a.By)), day(a.At), visible(a.Reason)).User = a.By
		case !known[a.Content]:
			v.say("amendment", Failed, "%s 于 %s 的更正的签名内容不在文件里", visible(string(a.By)), day(a.At)).User = a.By
		}
	}
}

// photos checks those that the contents name: they alone are signed for.
func (v *verifier) photos(contents []*Content, album *Album) {
	named := map[media.SHA256]bool{}
	for _, c := range contents {
		if c == nil {
			continue
		}
		for _, h := range slices.Concat(c.Photos, c.Changes.Photos) {
			named[h] = true
		}
	}
	if len(named) == 0 {
		v.say("photos", Told, "所签内容没有照片")
		return
	}
	if album == nil {
		v.say("photos", Told, "所签内容有照片 %d 张，没有核对（用 --photos 目录 核对）", len(named))
		return
	}
	kept := map[media.SHA256]bool{}
	for _, p := range v.file.Photos {
		kept[p.SHA256] = p.Received
	}
	good := 0
	for _, h := range slices.SortedFunc(maps.Keys(named), func(a, b media.SHA256) int { return slices.Compare(a[:], b[:]) }) {
		if album.Have[h] {
			good++
			continue
		}
		why := ""
		if received, told := kept[h]; told && !received {
			why = "（导出时服务器尚未收到）"
		}
		v.say("photo", Failed, "缺少照片 %s%s", h, why).Photo = h.String()
	}
	for _, name := range album.Wrong {
		v.say("photo", Failed, "照片文件 %s 的内容与文件名的指纹不符", visible(name)).Photo = visible(name)
	}
	if good > 0 {
		v.say("photos", OK, "照片 %d 张与所签内容的指纹逐张相符，共 %d 张", good, len(named))
	}
}

var partNames = map[string]string{AsTeam: "检查人员", AsSupervisor: "监管人员", AsEnterprise: "企业代表"}

// china is the zone in which people of the field read a clock.
var china = time.FixedZone("UTC+8", 8*3600)

func day(t time.Time) string {
	if t.IsZero() {
		return "不详"
	}
	return t.In(china).Format("2006-01-02 15:04:05")
}
