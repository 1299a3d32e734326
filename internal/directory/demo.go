package directory

import (
	"bytes"
	_ "embed"

	"paicha/internal/store"

	"gopkg.in/yaml.v3"
)

// DemoPassword is the password of every demonstration account. It is documented, and therefore no secret: a place
// where the demonstration data is loaded must not hold real data.
const DemoPassword = "paicha-demo-2023"

// DemoData is an invented set of enterprises and people in real regions and sectors. No person, unit or credit code in
// it exists.
type DemoData struct {
	Enterprises []Enterprise `yaml:"enterprises"`
	Users       []User       `yaml:"users"`
}

//go:embed seed/demo.yaml
var demoSeed []byte

// Demo returns the demonstration data, every value normal and valid. It writes nothing.
func Demo() (DemoData, error) { return readDemo(demoSeed) }

func readDemo(seed []byte) (DemoData, error) {
	var d DemoData
	dec := yaml.NewDecoder(bytes.NewReader(seed))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		return DemoData{}, ErrDemoInvalid.Because(err)
	}
	for i := range d.Enterprises {
		d.Enterprises[i] = d.Enterprises[i].Normal()
		if err := d.Enterprises[i].Validate(); err != nil {
			return DemoData{}, ErrDemoInvalid.Because(err)
		}
	}
	for i := range d.Users {
		d.Users[i] = d.Users[i].Normal()
		if err := d.Users[i].Validate(); err != nil {
			return DemoData{}, ErrDemoInvalid.Because(err)
		}
	}
	return d, nil
}

// Docs returns the documents of the demonstration with their claims, and of the regions, sectors and departments, all
// to be inserted. Passwords are package auth's.
func (d DemoData) Docs() ([]store.Doc, error) {
	out, err := TreeDocs()
	if err != nil {
		return nil, err
	}
	add := func(doc store.Doc, err2 error) {
		if err == nil {
			err = err2
		}
		out = append(out, doc)
	}
	for _, e := range d.Enterprises {
		doc, err := EnterpriseDoc(e)
		add(doc, err)
		if e.CreditCode != "" {
			add(ClaimDoc(CreditCodeClaim(e.CreditCode), doc.Ref))
		}
	}
	for _, u := range d.Users {
		doc, err := UserDoc(u)
		add(doc, err)
		add(ClaimDoc(LoginClaim(u.Login), doc.Ref))
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// TreeDocs returns the documents of all regions, sectors and departments.
func TreeDocs() ([]store.Doc, error) {
	var out []store.Doc
	for _, r := range regions {
		d, err := RegionDoc(r)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	for _, s := range sectors {
		d, err := SectorDoc(s)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	for _, p := range departments {
		d, err := DepartmentDoc(p)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}
