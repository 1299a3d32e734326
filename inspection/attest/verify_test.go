package attest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/media"

	"github.com/go-json-experiment/json"
)

var noon = time.Date(2023, 6, 1, 4, 0, 0, 0, time.UTC)

// hand is somebody with a device.
type hand struct {
	private *ecdsa.PrivateKey
	key     Key
}

func newHand(t testing.TB, user string) hand {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := directory.PublicKey(base64.StdEncoding.EncodeToString(der))
	print, err := public.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	return hand{k, Key{Fingerprint: print, PublicKey: public, Device: directory.DeviceID(print[:32]), User: directory.UserID(user), EnrolledAt: noon}}
}

func (h hand) sign(t testing.TB, message []byte) Signature {
	t.Helper()
	sum := sha256.Sum256(message)
	der, err := ecdsa.SignASN1(rand.Reader, h.private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return Signature{Alg: ES256, Value: der}
}

func (h hand) seal(t testing.TB, of Hash, as string) Seal {
	return Seal{
		User: h.key.User, As: as, Device: h.key.Device, Key: h.key.Fingerprint, Signature: h.sign(t, Message(of)), At: noon,
		ReceivedAt: noon.Add(time.Minute),
	}
}

const (
	recordText = `{"header":{"unit":{"id":"e1","name":"液化气站"}},"inspection":"i1","photos":["%s"],"representative":{"name":"张某","refused":"有异议"},"team":["u1","u2"],"type":"paicha.inspection.record","version":1}`
	amendText  = `{"amends":"%s","changes":{"photos":[]},"inspection":"i1","reason":"看错了","team":["u1"],"type":"paicha.inspection.amendment","version":1}`
)

// evidence is a file of a record signed by u1, declined by the enterprise, and of one amendment; photo is its photo.
func evidence(t testing.TB) (*File, map[string]hand, media.SHA256) {
	t.Helper()
	photo := media.Sum([]byte("照片"))
	u1, u2, boss := newHand(t, "u1"), newHand(t, "u2"), newHand(t, "boss")
	one := fmt.Sprintf(recordText, photo)
	two := fmt.Sprintf(amendText, Sum(one))
	proof := boss.sign(t, DeclineMessage(Sum(one), "不认可"))
	return &File{
		Format: Format, Version: FileVersion, Inspection: "i1", ExportedAt: noon,
		Contents: []Sealed{
			{Hash: Sum(one), Content: one, Signatures: []Seal{u1.seal(t, Sum(one), AsTeam)}, Declined: []Decline{{
				User: "boss", As: AsEnterprise, Device: boss.key.Device, Key: boss.key.Fingerprint, Reason: "不认可", Signature: &proof, ReceivedAt: noon,
			}}},
			{Hash: Sum(two), Content: two, Signatures: []Seal{u1.seal(t, Sum(two), AsTeam)}},
		},
		Keys:       []Key{u1.key, u2.key, boss.key},
		Photos:     []Photo{{SHA256: photo, Received: true}},
		Amendments: []AmendmentEntry{{By: "u1", At: noon, Reason: "看错了", Content: Sum(two)}},
	}, map[string]hand{"u1": u1, "u2": u2, "boss": boss}, photo
}

// states are the codes of a report with a state.
func states(r Report, s State) []string {
	out := []string{}
	for _, f := range r.Facts {
		if f.State == s {
			out = append(out, f.Code)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *File, map[string]hand)
		failed []string
		doubt  []string
		want   bool
	}{
		"AsExported": {want: true},
		"ColleagueSigned": {want: true, change: func(t *testing.T, f *File, hs map[string]hand) {
			f.Contents[0].Signatures = append(f.Contents[0].Signatures, hs["u2"].seal(t, f.Contents[0].Hash, AsTeam))
		}},
		"RawSignature": {want: true, change: func(t *testing.T, f *File, hs map[string]hand) {
			sum := sha256.Sum256(Message(f.Contents[0].Hash))
			r, s, err := ecdsa.Sign(rand.Reader, hs["u1"].private, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			f.Contents[0].Signatures[0].Signature.Value = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}},
		"RevokedLater": {want: true, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Keys[0].Revoked, f.Keys[0].RevokedAt = true, noon.Add(time.Hour)
		}},
		"RevokedBefore": {want: true, doubt: []string{"revoked"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Keys[0].Revoked, f.Keys[0].RevokedAt = true, noon.Add(-time.Hour)
		}},
		"ContentChanged": {failed: []string{"chain", "hash"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents[0].Content = strings.Replace(f.Contents[0].Content, "液化气站", "加油站", 1)
		}},
		"ContentAndHashChanged": {failed: []string{"chain", "declined", "signature", "unsigned"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents[0].Content = strings.Replace(f.Contents[0].Content, "液化气站", "加油站", 1)
			f.Contents[0].Hash = Sum(f.Contents[0].Content)
		}},
		"NotCanonical": {failed: []string{"canonical", "chain"}, change: func(t *testing.T, f *File, hs map[string]hand) {
			f.Contents[0].Content += " "
			f.Contents[0].Hash = Sum(f.Contents[0].Content)
			f.Contents[0].Signatures = []Seal{hs["u1"].seal(t, f.Contents[0].Hash, AsTeam)}
		}},
		"OtherInspection": {failed: []string{"inspection"}, change: func(_ *testing.T, f *File, _ map[string]hand) { f.Inspection = "i2" }},
		"SignatureOfAnother": {failed: []string{"signature", "unsigned"}, change: func(t *testing.T, f *File, hs map[string]hand) {
			f.Contents[1].Signatures[0].Signature = hs["u2"].sign(t, Message(f.Contents[1].Hash))
		}},
		"SignatureOfOtherContent": {failed: []string{"signature", "unsigned"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents[1].Signatures[0].Signature = f.Contents[0].Signatures[0].Signature
		}},
		"OtherAlgorithm": {failed: []string{"signature", "unsigned"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents[1].Signatures[0].Signature.Alg = "none"
		}},
		"SomebodyElsesName": {failed: []string{"key", "unsigned"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents[1].Signatures[0].User = "u2"
		}},
		"KeyUnderOtherFingerprint": {failed: []string{"key", "unsigned"}, change: func(_ *testing.T, f *File, hs map[string]hand) {
			f.Keys[0].PublicKey = hs["u2"].key.PublicKey
		}},
		"KeyMissing": {failed: []string{"declined"}, change: func(_ *testing.T, f *File, _ map[string]hand) { f.Keys = f.Keys[:2] }},
		"KeyIsNoKey": {failed: []string{"declined", "key"}, change: func(_ *testing.T, f *File, _ map[string]hand) { f.Keys[2].PublicKey = "AAAA" }},
		"UnknownPart": {failed: []string{"part", "unsigned"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents[1].Signatures[0].As = "king"
		}},
		"NotOfTheTeam": {want: true, doubt: []string{"team"}, change: func(t *testing.T, f *File, hs map[string]hand) {
			f.Contents[0].Signatures = append(f.Contents[0].Signatures, hs["boss"].seal(t, f.Contents[0].Hash, AsTeam))
		}},
		"ReasonChanged": {failed: []string{"declined"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents[0].Declined[0].Reason = "认可"
		}},
		"RecordTakenOut": {failed: []string{"chain"}, change: func(_ *testing.T, f *File, _ map[string]hand) { f.Contents = f.Contents[1:] }},
		"AmendmentTakenOut": {failed: []string{"amendment"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents = f.Contents[:1]
		}},
		"OtherOrder": {failed: []string{"chain"}, change: func(_ *testing.T, f *File, _ map[string]hand) { slices.Reverse(f.Contents) }},
		"Twice": {failed: []string{"chain"}, doubt: []string{"chain"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Contents = append(f.Contents, f.Contents[1])
		}},
		"UnsignedAmendment": {want: true, doubt: []string{"amendment"}, change: func(_ *testing.T, f *File, _ map[string]hand) {
			f.Amendments = append(f.Amendments, AmendmentEntry{By: "u1", Reason: "又改"})
		}},
		"NoSignature": {failed: []string{"unsigned"}, change: func(_ *testing.T, f *File, _ map[string]hand) { f.Contents[1].Signatures = nil }},
		"Nothing":     {change: func(_ *testing.T, f *File, _ map[string]hand) { f.Contents, f.Amendments = nil, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			f, hs, _ := evidence(t)
			if c.change != nil {
				c.change(t, f, hs)
			}
			r := Verify(f, nil)
			if r.Verified != c.want || !slices.Equal(states(r, Failed), slices.Concat([]string{}, c.failed)) || !slices.Equal(states(r, Doubt), slices.Concat([]string{}, c.doubt)) {
				t.Fatalf("verified %v, failed %v, doubt %v\n%+v", r.Verified, states(r, Failed), states(r, Doubt), r.Facts)
			}
		})
	}
}

func TestVerifyPhotos(t *testing.T) {
	f, _, photo := evidence(t)
	good := Album{Have: map[media.SHA256]bool{photo: true, media.Sum([]byte("x")): true}}
	if r := Verify(f, &good); !r.Verified || !slices.Contains(states(r, OK), "photos") {
		t.Fatalf("%+v", r)
	}
	if r := Verify(f, &Album{}); r.Verified || !slices.Equal(states(r, Failed), []string{"photo"}) {
		t.Fatalf("%+v", r)
	}
	good.Wrong = []string{"a.jpg"}
	if r := Verify(f, &good); r.Verified {
		t.Fatalf("%+v", r)
	}
}

func TestWhatStrangersWroteCannotForgeLines(t *testing.T) {
	f, _, _ := evidence(t)
	f.Contents[0].Declined[0].Reason = "不\n  ✓ 签名有效：县长\x1b[2K\u202e"
	for _, fact := range Verify(f, nil).Facts {
		if strings.ContainsAny(fact.Text, "\n\x1b\u202e") {
			t.Fatalf("%q", fact.Text)
		}
	}
}

func TestReadFile(t *testing.T) {
	f, _, _ := evidence(t)
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadFile(b)
	if err != nil || !Verify(back, nil).Verified {
		t.Fatal(err)
	}
	text := string(b)
	for name, bad := range map[string]string{
		"Empty": "", "NoObject": "[]", "Cut": text[:len(text)/2], "TwoValues": text + text, "NotJSON": "签名",
		"Doubled":    strings.Replace(text, `"version":1`, `"version":1,"version":1`, 1),
		"BadUTF8":    strings.Replace(text, "看错了", "\xff", 1),
		"TooDeep":    strings.Replace(text, `"version":1`, `"version":1,"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100), 1),
		"BadBase64":  strings.Replace(text, `"alg":"ES256","value":"`, `"alg":"ES256","value":"*`, 1),
		"OtherForm":  strings.Replace(text, Format, "else", 1),
		"NewVersion": strings.Replace(text, `"version":1`, `"version":2`, 1),
		"ManyKeys":   fmt.Sprintf(`{"format":%q,"version":1,"keys":[%s{}]}`, Format, strings.Repeat("{},", maxKeys)),
	} {
		if _, err := ReadFile([]byte(bad)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	file, _, _ := evidence(f)
	b, err := json.Marshal(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"paicha-attestation","version":1,"contents":[{"hash":"","content":"","signatures":[{}]}],"keys":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ReadFile(b)
		if err != nil {
			return
		}
		r := Verify(file, &Album{})
		if r.Verified && len(states(r, OK)) == 0 {
			t.Fatal("verified without anything that holds")
		}
		for _, fact := range r.Facts {
			if strings.ContainsAny(fact.Text, "\n\r\x1b") {
				t.Fatalf("%q", fact.Text)
			}
		}
	})
}
