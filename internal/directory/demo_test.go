package directory

import (
	"errors"
	"strings"
	"testing"
	"time"

	"paicha/internal/store"
)

func TestDemo(t *testing.T) {
	d, err := Demo()
	if err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	places, of, ids := map[RegionCode]bool{}, map[SectorID]bool{}, map[EnterpriseID]bool{}
	for _, e := range d.Enterprises {
		places[e.Region], ids[e.ID] = true, true
		for _, s := range e.Sectors {
			of[s] = true
		}
		if !strings.HasPrefix(e.Name, "示范") {
			t.Errorf("%s does not sound invented", e.Name)
		}
	}
	if len(places) < 5 || len(of) < 5 {
		t.Errorf("%d places and %d sectors, want five each", len(places), len(of))
	}
	roles := map[Role]int{}
	for _, u := range d.Users {
		for _, r := range u.Roles {
			roles[r]++
		}
		if u.Enterprise != "" && !ids[u.Enterprise] {
			t.Errorf("%s belongs to no enterprise", u.ID)
		}
		if u.Department != "" {
			if _, ok := DepartmentByID(u.Department); !ok {
				t.Errorf("%s belongs to no department", u.ID)
			}
		}
	}
	if roles[RoleInspector] != 3 || roles[RoleSupervisor] != 2 || roles[RoleEnterprise] != 2 || roles[RoleAnalyst] != 1 || roles[RoleAdmin] != 1 {
		t.Errorf("roles %v", roles)
	}
	docs, err := d.Docs()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[store.Ref]bool{}
	for _, doc := range docs {
		if seen[doc.Ref] {
			t.Errorf("%v twice", doc.Ref)
		}
		seen[doc.Ref] = true
	}
	if !seen[LoginClaim("inspector1")] || !seen[CreditCodeClaim("91532504MADEM0001B")] {
		t.Error("claims are missing")
	}
}

func TestDemoBroken(t *testing.T) {
	for name, seed := range map[string]string{
		"NotYAML":      "\x00",
		"Empty":        "",
		"UnknownField": "users: [{phone: x}]",
		"BadCode":      `enterprises: [{id: a, name: 示范, region: "5325", sectors: [fire], credit_code: 91532504MADEM0001A}]`,
		"BadUser":      `users: [{id: a, login: bb, name: c, roles: [king]}]`,
	} {
		if _, err := readDemo([]byte(seed)); !errors.Is(err, ErrDemoInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDocuments(t *testing.T) {
	e := Enterprise{
		ID: "e1", Name: " 示范厂 ", Region: "532501", Sectors: []SectorID{Hospital, Fire, Fire},
		Location: &Location{1, 2, WGS84},
	}
	doc, err := EnterpriseDoc(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadEnterprise(doc)
	if err != nil || back.Name != "示范厂" || len(back.Sectors) != 2 || back.Status != Operating || *back.Location != *e.Location {
		t.Errorf("%+v %v", back, err)
	}
	u := User{
		ID: "u1", Login: "Ab", Name: "甲", Roles: []Role{RoleInspector},
		Grants: []Grant{{Token: "5325", Role: RoleInspector, Until: time.Unix(9, 0).UTC(), Reason: ReasonAway}},
	}
	ud, err := UserDoc(u)
	if err != nil {
		t.Fatal(err)
	}
	ub, err := ReadUser(ud)
	if err != nil || ub.Login != "ab" || ub.Grants[0] != u.Grants[0] {
		t.Errorf("%+v %v", ub, err)
	}
	if _, err := ReadUser(doc); !errors.Is(err, ErrUnreadable) {
		t.Errorf("an enterprise was read as a user: %v", err)
	}
}

func TestValidateEnterprise(t *testing.T) {
	good := Enterprise{ID: "e", Name: "示范", Region: "5325", Sectors: []SectorID{Fire}}
	if err := good.Normal().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*Enterprise)
		want  error
	}{
		"NoID":         {func(e *Enterprise) { e.ID = "" }, ErrID},
		"IDOfToken":    {func(e *Enterprise) { e.ID = "a/b" }, ErrID},
		"NoName":       {func(e *Enterprise) { e.Name = " " }, ErrName},
		"HugeName":     {func(e *Enterprise) { e.Name = strings.Repeat("名", 201) }, ErrName},
		"NotText":      {func(e *Enterprise) { e.Name = "\xff" }, ErrName},
		"Code":         {func(e *Enterprise) { e.CreditCode = "1" }, ErrCreditCode},
		"Region":       {func(e *Enterprise) { e.Region = "54" }, ErrRegion},
		"NoSector":     {func(e *Enterprise) { e.Sectors = nil }, ErrSector},
		"Sector":       {func(e *Enterprise) { e.Sectors = []SectorID{AllSectors} }, ErrSector},
		"SystemUnsaid": {func(e *Enterprise) { e.Location = &Location{23, 103, ""} }, ErrLocation},
		"OffTheGlobe":  {func(e *Enterprise) { e.Location = &Location{91, 0, WGS84} }, ErrLocation},
		"Works":        {func(e *Enterprise) { e.Attributes.Works = "桥" }, ErrEnterprise},
		"Hydropower":   {func(e *Enterprise) { e.Attributes.Hydropower = "大" }, ErrEnterprise},
		"Status":       {func(e *Enterprise) { e.Status = "gone" }, ErrEnterprise},
	} {
		e := good
		c.spoil(&e)
		if err := e.Normal().Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
