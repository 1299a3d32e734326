package inspection

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	stdjson "encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paicha/inspection/attest"
	"paicha/internal/directory"
)

// signingVector is one case of docs/vectors/signing: a record (with the arguments of an amendment, one that was amended)
// and what is signed of it. The key is for tests alone. Signatures are those of whoever wrote them: der of Go, raw of
// WebCrypto.
type signingVector struct {
	Name       string              `json:"name"`
	Why        string              `json:"why"`
	Record     jsontext.Value      `json:"record"`
	Amend      *AmendArgs          `json:"amend,omitzero"`
	Amends     attest.Hash         `json:"amends,omitzero"`
	Content    string              `json:"content"`
	Hash       attest.Hash         `json:"hash"`
	PrivateKey string              `json:"privateKey"` // PKCS #8, base64
	PublicKey  directory.PublicKey `json:"publicKey"`
	DER        []byte              `json:"der"`
	Raw        []byte              `json:"raw"`
}

func (v *signingVector) content(t *testing.T) string {
	t.Helper()
	in, err := Decode(v.Record, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if v.Amend != nil {
		got, err = contentOfAmendment(&in, v.Amend, v.Amends)
	} else {
		got, err = Content(&in)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestSigningVectors holds the server to docs/vectors/signing; tools/judge/signing.test.mjs holds WebCrypto to them.
func TestSigningVectors(t *testing.T) {
	files, err := filepath.Glob("../docs/vectors/signing/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v signingVector
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			if *update {
				v.write(t, file)
			}
			if v.Name+".json" != filepath.Base(file) || v.Why == "" {
				t.Error("a case says its file's name and why it is there")
			}
			if got := v.content(t); got != v.Content || attest.Sum(got) != v.Hash {
				t.Errorf("content is\n%s\nwant\n%s", got, v.Content)
			}
			if _, err := attest.ReadContent(v.Content); err != nil {
				t.Error(err)
			}
			for _, value := range [][]byte{v.DER, v.Raw} {
				s := attest.Signature{Alg: attest.ES256, Value: value}
				if _, err := s.Check(v.PublicKey, attest.Message(v.Hash)); err != nil {
					t.Errorf("signature %x: %v", value, err)
				}
				if _, err := s.Check(v.PublicKey, attest.Message(attest.Sum("else"))); err == nil {
					t.Error("a signature of everything")
				}
			}
			if len(v.Raw) != 64 {
				t.Errorf("raw has %d bytes", len(v.Raw))
			}
		})
	}
}

// write fills in what follows from the record: the content, and a new DER signature where it changed. The raw one is
// WebCrypto's and comes from tools/judge: node signing.mjs ../../docs/vectors/signing/*.json.
func (v *signingVector) write(t *testing.T, file string) {
	t.Helper()
	v.Content = v.content(t)
	hash := attest.Sum(v.Content)
	if hash == v.Hash {
		return
	}
	v.Hash = hash
	der, err := base64.StdEncoding.DecodeString(v.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := key.(*ecdsa.PrivateKey)
	k := tabletKey{t: t, private: private}
	v.DER, v.Raw = k.sign(attest.Message(hash)).Value, k.raw(attest.Message(hash)).Value
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := stdjson.Indent(&out, raw, "", " "); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(out.Bytes(), '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWebCryptoSignsWhatWeVerify has a Node process build the content and sign it, for each vector, anew.
func TestWebCryptoSignsWhatWeVerify(t *testing.T) {
	const tool = "../tools/judge/signing.mjs"
	if _, err := os.ReadFile(tool); err != nil { // makes a change of it known to the cache of go test
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("install Node 20 or later: contents and signatures are compared with those of tools/judge: ", err)
	}
	files, err := filepath.Glob("../docs/vectors/signing/*.json")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), node, append([]string{tool}, files...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) != len(files) {
		t.Fatalf("%d lines of %d vectors", len(lines), len(files))
	}
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v signingVector
		var got struct {
			Content string `json:"content"`
			Raw     []byte `json:"raw"`
		}
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(lines[i], &got); err != nil {
			t.Fatal(err)
		}
		if got.Content != v.content(t) {
			t.Errorf("%s: the tablet's content is\n%s\nours\n%s", file, got.Content, v.content(t))
		}
		s := attest.Signature{Alg: attest.ES256, Value: got.Raw}
		if _, err := s.Check(v.PublicKey, attest.Message(attest.Sum(got.Content))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
