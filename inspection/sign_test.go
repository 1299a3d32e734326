package inspection

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"paicha/inspection/attest"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/store"
)

// tabletKey is the key of one device.
type tabletKey struct {
	t       testing.TB
	private *ecdsa.PrivateKey
	public  directory.PublicKey
}

func newKey(t testing.TB) tabletKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return tabletKey{t, k, directory.PublicKey(base64.StdEncoding.EncodeToString(der))}
}

// sign signs in DER; raw as WebCrypto does.
func (k tabletKey) sign(message []byte) attest.Signature {
	k.t.Helper()
	sum := sha256.Sum256(message)
	der, err := ecdsa.SignASN1(rand.Reader, k.private, sum[:])
	if err != nil {
		k.t.Fatal(err)
	}
	return attest.Signature{Alg: attest.ES256, Value: der}
}

func (k tabletKey) raw(message []byte) attest.Signature {
	k.t.Helper()
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		k.t.Fatal(err)
	}
	return attest.Signature{Alg: attest.ES256, Value: append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)}
}

func (k tabletKey) seal(content string) *attest.Signed {
	return &attest.Signed{Content: content, Signature: k.sign(attest.Message(attest.Sum(content)))}
}

func (k tabletKey) on(c Cause) Cause {
	c.Key = k.public
	return c
}

// signedRecord is a record of u1 and u2 that u1 submitted with a signature over what u1's device knew.
func signedRecord(t testing.TB, k tabletKey, old Inspection, r *Representative) Inspection {
	t.Helper()
	args := SubmitArgs{At: noon, Opinion: "限期整改"}
	content, err := Prepare(old, args, r, 1, by("u1", 2))
	if err != nil {
		t.Fatal(err)
	}
	args.Signed = k.seal(content)
	in, err := Submit(old, args, 1, 9, k.on(by("u1", 2)))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestSignedSubmissionIsKeptByteForByte(t *testing.T) {
	k := newKey(t)
	in := signedRecord(t, k, begun(t, bad("door"), percent(1.2)), &Representative{Name: "张某", Refused: "对结论有异议"})
	if len(in.Attestations) != 1 || slices.Contains(in.Marks, MarkUnsigned) || slices.Contains(in.Marks, MarkDiffers) {
		t.Fatalf("%+v %v", in.Attestations, in.Marks)
	}
	a := in.Attestations[0]
	own, err := Content(&in)
	if err != nil || own != a.Content || a.Hash != attest.Sum(own) || in.Submitted.Content != a.Hash {
		t.Fatalf("%v\n%s\n%s", err, own, a.Content)
	}
	if in.Submitted.Representative.Refused == "" || !slices.Equal(a.Waiting, []UserID{"u2"}) || len(a.Differs) > 0 {
		t.Fatalf("%+v", a)
	}
	body, _, err := Encode(&in)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(body, nil)
	if err != nil || back.Attestations[0].Content != own {
		t.Fatal("the content did not survive the document: ", err)
	}
}

func TestUnsignedSubmissionIsMarked(t *testing.T) {
	in := submitted(t, bad("door"))
	if !slices.Contains(in.Marks, MarkUnsigned) || len(in.Attestations) != 0 {
		t.Fatal(in.Marks)
	}
}

func TestWhatCannotBeSignedIsRejected(t *testing.T) {
	k, other := newKey(t), newKey(t)
	draft := begun(t, bad("door"))
	good, err := Prepare(draft, SubmitArgs{At: noon}, nil, 1, by("u1", 2))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := strings.Replace(good, string(testID), "018f0000-0000-7000-8000-0000000000ff", 1)
	for name, c := range map[string]struct {
		signed *attest.Signed
		want   *fault.Error
		field  string
	}{
		"NotCanonical":   {k.seal(" " + good), attest.ErrNotCanonical, "/signed/content"},
		"NoJSON":         {k.seal("同意"), attest.ErrNotCanonical, "/signed/content"},
		"OtherVersion":   {k.seal(strings.Replace(good, `"version":1`, `"version":2`, 1)), attest.ErrNotCanonical, "/signed/content"},
		"TooLarge":       {k.seal(`{"a":"` + strings.Repeat("x", attest.MaxContent) + `"}`), attest.ErrNotCanonical, "/signed/content"},
		"TooDeep":        {k.seal(`{"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`), attest.ErrNotCanonical, "/signed/content"},
		"OtherRecord":    {k.seal(elsewhere), ErrOtherContent, "/signed/content"},
		"OtherKey":       {other.seal(good), attest.ErrSignature, "/signed/signature"},
		"OtherAlgorithm": {&attest.Signed{Content: good, Signature: attest.Signature{Alg: "none", Value: k.seal(good).Signature.Value}}, attest.ErrSignature, "/signed/signature"},
		"NoSignature":    {&attest.Signed{Content: good, Signature: attest.Signature{Alg: attest.ES256}}, attest.ErrSignature, "/signed/signature"},
		"LongSignature":  {&attest.Signed{Content: good, Signature: attest.Signature{Alg: attest.ES256, Value: make([]byte, 1<<16)}}, attest.ErrSignature, "/signed/signature"},
		"ContentItself":  {&attest.Signed{Content: good, Signature: k.sign([]byte(good))}, attest.ErrSignature, "/signed/signature"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Submit(draft, SubmitArgs{At: noon, Signed: c.signed}, 1, 9, k.on(by("u1", 2)))
			wantFault(t, err, c.want, c.field)
		})
	}
	if _, err := Submit(draft, SubmitArgs{At: noon, Signed: k.seal(good)}, 1, 9, by("u1", 2)); err == nil {
		t.Fatal("verified without a key")
	}
}

func TestWhatColleaguesAddedIsListed(t *testing.T) {
	k := newKey(t)
	leader := begun(t, bad("door"), percent(1.2))
	args := SubmitArgs{At: noon}
	content, err := Prepare(leader, args, nil, 1, by("u1", 2))
	if err != nil {
		t.Fatal(err)
	}
	merged := saved(t, leader, SaveArgs{Answers: []Answer{bad("licence"), good("door")}}, 1, 3, by("u2", 1))
	args.Signed = k.seal(content)
	in, err := Submit(merged, args, 1, 9, k.on(by("u1", 2)))
	if err != nil {
		t.Fatal(err)
	}
	a := in.Attestations[0]
	if a.Content != content || !slices.Contains(in.Marks, MarkDiffers) {
		t.Fatalf("%v\n%s", in.Marks, a.Content)
	}
	var where []string
	for _, d := range a.Differs {
		where = append(where, d.Pointer+" "+string(d.Signed)+" → "+string(d.Record))
	}
	want := []string{
		`/answers/0 {"item":"door","result":"nonconform"} → {"item":"door","result":"conform"}`,
		`/answers/2  → {"item":"licence","result":"nonconform"}`,
	}
	if !slices.Equal(where, want) {
		t.Fatalf("%q", where)
	}
}

func TestSign(t *testing.T) {
	k1, k2, k3 := newKey(t), newKey(t), newKey(t)
	in := signedRecord(t, k1, begun(t, bad("door")), nil)
	hash := in.Attestations[0].Hash
	ok := func(k tabletKey, h attest.Hash) SignArgs {
		return SignArgs{Hash: h, Signature: k.raw(attest.Message(h))}
	}

	t.Run("Colleague", func(t *testing.T) {
		got, err := Sign(in, ok(k2, hash), k2.on(by("u2", 1)))
		if err != nil {
			t.Fatal(err)
		}
		a := got.Attestations[0]
		if len(a.Signatures) != 2 || a.Signatures[1].As != attest.AsTeam || len(a.Waiting) != 0 || len(in.Attestations[0].Signatures) != 1 {
			t.Fatalf("%+v", a)
		}
		again, err := Sign(got, ok(k2, hash), k2.on(by("u2", 2)))
		if err != nil || len(again.Attestations[0].Signatures) != 2 {
			t.Fatal("twice: ", err)
		}
	})
	t.Run("Representative", func(t *testing.T) {
		got, err := Sign(in, ok(k3, hash), as(k3.on(by("boss", 1)), Enterprise))
		if err != nil {
			t.Fatal(err)
		}
		if a := got.Attestations[0]; a.Signatures[1].As != attest.AsEnterprise || !slices.Equal(a.Waiting, []UserID{"u2"}) {
			t.Fatalf("%+v", a)
		}
	})
	t.Run("Stranger", func(t *testing.T) {
		_, err := Sign(in, ok(k3, hash), k3.on(by("u9", 1)))
		wantFault(t, err, ErrNotTeam, "")
	})
	t.Run("OtherContent", func(t *testing.T) {
		_, err := Sign(in, ok(k2, attest.Sum("else")), k2.on(by("u2", 1)))
		wantFault(t, err, ErrOtherContent, "/hash")
	})
	t.Run("OtherKey", func(t *testing.T) {
		_, err := Sign(in, ok(k3, hash), k2.on(by("u2", 1)))
		wantFault(t, err, attest.ErrSignature, "/signature")
	})
	t.Run("Draft", func(t *testing.T) {
		_, err := Sign(begun(t), ok(k2, hash), k2.on(by("u2", 1)))
		wantFault(t, err, ErrInspectionMove, "")
	})
}

func TestDecline(t *testing.T) {
	k1, k3 := newKey(t), newKey(t)
	in := signedRecord(t, k1, begun(t, bad("door")), nil)
	hash := in.Attestations[0].Hash
	boss := as(k3.on(by("boss", 1)), Enterprise)
	proof := k3.sign(attest.DeclineMessage(hash, "对测点有异议"))
	got, err := Decline(in, DeclineArgs{Reason: "对测点有异议", Signature: &proof}, boss)
	if err != nil {
		t.Fatal(err)
	}
	if d := got.Attestations[0].Declined; len(d) != 1 || d[0].Reason != "对测点有异议" || d[0].Key == "" || d[0].As != attest.AsEnterprise {
		t.Fatalf("%+v", d)
	}
	boss.Mutation = "boss-2"
	if again, err := Decline(got, DeclineArgs{Reason: "对测点有异议"}, boss); err != nil || len(again.Attestations[0].Declined) != 1 {
		t.Fatal("twice: ", err)
	}
	for name, c := range map[string]struct {
		args  DeclineArgs
		by    Cause
		want  *fault.Error
		field string
	}{
		"NoReason":       {DeclineArgs{Reason: " "}, boss, ErrReason, "/reason"},
		"OtherContent":   {DeclineArgs{Hash: attest.Sum("x"), Reason: "不"}, boss, ErrOtherContent, "/hash"},
		"Stranger":       {DeclineArgs{Reason: "不"}, by("u9", 1), ErrNotTeam, ""},
		"WrongSignature": {DeclineArgs{Reason: "别的理由", Signature: &proof}, boss, attest.ErrSignature, "/signature"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decline(in, c.args, c.by)
			wantFault(t, err, c.want, c.field)
		})
	}
	if _, err := Decline(submitted(t), DeclineArgs{Reason: "不"}, boss); err == nil {
		t.Fatal("there is nothing to decline in a record that nobody signed")
	}
}

func TestAmendmentsAreChained(t *testing.T) {
	k := newKey(t)
	in := signedRecord(t, k, begun(t, bad("door"), percent(1.2)), nil)
	first := in.Attestations[0].Hash
	amend := func(in Inspection, n uint64, a AmendArgs) Inspection {
		t.Helper()
		c := k.on(by("u1", n))
		content, err := PrepareAmendment(in, a, store.Rev(8+n), c)
		if err != nil {
			t.Fatal(err)
		}
		a.Signed = k.seal(content)
		out, err := Amend(in, a, store.Rev(8+n), store.Rev(9+n), c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	in = amend(in, 3, AmendArgs{SaveArgs: SaveArgs{Answers: []Answer{good("door")}}, Reason: "看错了"})
	second := in.Attestations[1]
	in = amend(in, 4, AmendArgs{SaveArgs: SaveArgs{Answers: []Answer{percent(0.9)}}, Reason: "复测"})
	third := in.Attestations[2]
	for i, want := range []attest.Hash{"", first, second.Hash} {
		c, err := attest.ReadContent(in.Attestations[i].Content)
		if err != nil || c.Amends != want {
			t.Fatalf("%d amends %q, want %q (%v)", i, c.Amends, want, err)
		}
	}
	if slices.Contains(in.Marks, MarkDiffers) || in.Amendments[1].Content != third.Hash || len(third.Differs) > 0 {
		t.Fatalf("%v %+v", in.Marks, third)
	}

	t.Run("OnAnOlderOneIsMarked", func(t *testing.T) {
		a := AmendArgs{SaveArgs: SaveArgs{Answers: []Answer{bad("licence")}}, Reason: "漏记"}
		old := in
		old.Attestations = old.Attestations[:2]
		content, err := PrepareAmendment(old, a, 12, k.on(by("u1", 5)))
		if err != nil {
			t.Fatal(err)
		}
		a.Signed = k.seal(content)
		got, err := Amend(in, a, 12, 14, k.on(by("u1", 5)))
		if err != nil {
			t.Fatal(err)
		}
		d := got.Attestations[3].Differs
		if len(d) != 1 || d[0].Pointer != "/amends" || !slices.Contains(got.Marks, MarkDiffers) {
			t.Fatalf("%+v", d)
		}
	})
	t.Run("OnNothingKnownIsRejected", func(t *testing.T) {
		a := AmendArgs{SaveArgs: SaveArgs{Answers: []Answer{bad("licence")}}, Reason: "漏记"}
		content, err := contentOfAmendment(&in, &a, attest.Sum("else"))
		if err != nil {
			t.Fatal(err)
		}
		a.Signed = k.seal(content)
		_, err = Amend(in, a, 12, 14, k.on(by("u1", 5)))
		wantFault(t, err, ErrOtherContent, "/signed/content")
	})
	t.Run("UnsignedIsMarked", func(t *testing.T) {
		a := AmendArgs{SaveArgs: SaveArgs{Answers: []Answer{bad("licence")}}, Reason: "漏记", Signatures: signatures()}
		got, err := Amend(in, a, 12, 14, by("u1", 5))
		if err != nil || !slices.Contains(got.Marks, MarkUnsigned) || got.Amendments[2].Content != "" {
			t.Fatal(err, got.Marks)
		}
	})
}

func TestAdoptedProposalIsInTheSignedChanges(t *testing.T) {
	k := newKey(t)
	in := signedRecord(t, k, begun(t, bad("door")), nil)
	late, err := Save(&in, testID, SaveArgs{Answers: []Answer{bad("licence")}}, 1, 10, by("u2", 1))
	if err != nil {
		t.Fatal(err)
	}
	a := AmendArgs{Reason: "采纳", Adopts: []MutationID{"u2-1"}, At: noon}
	c := k.on(by("u1", 3))
	content, err := PrepareAmendment(late, a, 10, c)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(content, `"adopts":["u2-1"]`) || !strings.Contains(content, `"item":"licence"`) {
		t.Fatal(content)
	}
	a.Signed = k.seal(content)
	got, err := Amend(late, a, 10, 11, c)
	if err != nil || len(got.Attestations[1].Differs) > 0 {
		t.Fatalf("%v %+v", err, got.Attestations)
	}
}
