package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paicha/inspection/attest"
	"paicha/internal/directory"
	"paicha/media"

	gojson "github.com/go-json-experiment/json"
)

// signedFile writes an evidence file of one content with one photo.
func signedFile(t *testing.T, name string, photo media.SHA256) {
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
	content := fmt.Sprintf(`{"inspection":"i1","photos":["%s"],"team":["u1"],"type":"paicha.inspection.record","version":1}`, photo)
	sum := sha256.Sum256(attest.Message(attest.Sum(content)))
	value, err := ecdsa.SignASN1(rand.Reader, k, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)
	b, err := gojson.Marshal(attest.File{
		Format: attest.Format, Version: attest.FileVersion, Inspection: "i1", ExportedAt: at,
		Contents: []attest.Sealed{{Hash: attest.Sum(content), Content: content, Signatures: []attest.Seal{{
			User: "u1", As: attest.AsTeam, Device: directory.DeviceID(print[:32]), Key: print,
			Signature: attest.Signature{Alg: attest.ES256, Value: value}, At: at, ReceivedAt: at,
		}}}},
		Keys: []attest.Key{{Fingerprint: print, PublicKey: public, Device: directory.DeviceID(print[:32]), User: "u1"}},
	})
	if err == nil {
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerifyCommand(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	photo := media.Sum([]byte("照片"))
	good := filepath.Join(dir, "good.json")
	signedFile(t, good, photo)
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	changed := put("changed.json", strings.Replace(string(b), `\"u1\"`, `\"u2\"`, 1))
	broken := put("broken.json", string(b[:len(b)/2]))
	put("photos/深/"+photo.String()+".jpg", "照片")
	put("none/another.jpg", "别的")
	put("wrong/a.jpg", "照片")
	put("wrong/"+photo.String()+".jpg", "换过的")
	at := func(name string) string { return filepath.Join(dir, name) }

	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"Good":           {[]string{good}, 0, "核对通过"},
		"WithPhotos":     {[]string{"--photos", at("photos"), good}, 0, "照片 1 张与所签内容的指纹逐张相符"},
		"PhotoMissing":   {[]string{"--photos", at("none"), good}, 1, "缺少照片"},
		"PhotoExchanged": {[]string{"--photos", at("wrong"), good}, 1, "与文件名的指纹不符"},
		"NoPhotoFolder":  {[]string{"--photos", at("nowhere"), good}, 2, "读不出来"},
		"Changed":        {[]string{changed}, 1, "指纹（SHA-256）与所写的不符"},
		"Broken":         {[]string{broken}, 1, attest.ErrFile.Message},
		"NoFile":         {[]string{at("nothing.json")}, 1, "读不出来"},
		"OneOfTwo":       {[]string{good, changed}, 1, "核对不通过"},
		"NoArguments":    {nil, 2, "用法"},
		"UnknownFlag":    {[]string{"--fast"}, 2, "用法"},
		"JSON":           {[]string{"--json", good, changed}, 1, `"verified": true`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), append([]string{"verify"}, c.args...), &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
				t.Fatalf("%d\n%s", code, &out)
			}
			if c.args != nil && c.args[0] == "--json" {
				var all []verified
				if err := json.Unmarshal(out.Bytes(), &all); err != nil || len(all) != 2 || !all[0].Report.Verified || all[1].Report.Verified {
					t.Fatalf("%v %+v", err, all)
				}
			}
		})
	}
}
