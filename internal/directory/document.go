package directory

import (
	"strings"

	"paicha/internal/store"
)

// The kinds of document that the directory gives to the store.
const (
	KindRegion     store.Kind = "region"
	KindSector     store.Kind = "sector"
	KindDepartment store.Kind = "department"
	KindEnterprise store.Kind = "enterprise"
	KindUser       store.Kind = "user"
	KindDevice     store.Kind = "device"
	KindClaim      store.Kind = "claim"
)

// Indexes are the ones that the directory's questions need.
var Indexes = []store.Index{
	{Kind: KindEnterprise, Fields: []string{"name"}},
	{Kind: KindEnterprise, Fields: []string{"creditCode"}},
	{Kind: KindEnterprise, Fields: []string{"region", "name"}},
	{Kind: KindEnterprise, Fields: []string{"status", "name"}},
	{Kind: KindUser, Fields: []string{"login"}},
	{Kind: KindUser, Fields: []string{"enterprise", "login"}},
	{Kind: KindUser, Fields: []string{"department", "login"}},
	{Kind: KindDevice, Fields: []string{"user"}},
}

// Claim makes a value unique: its document's id is the value, and an insert over an existing document is stale.
// The store has no other unique index. A claim carries no token, so that nobody reads it.
type Claim struct {
	Owner store.Ref `json:"owner"` // the document that holds the value
}

// CreditCodeClaim names the claim of a credit code.
func CreditCodeClaim(c CreditCode) store.Ref {
	return store.Ref{Kind: KindClaim, ID: "credit-code:" + string(c)}
}

// LoginClaim names the claim of a login, which must be normal (ParseLogin).
func LoginClaim(login string) store.Ref { return store.Ref{Kind: KindClaim, ID: "login:" + login} }

// ClaimDoc is the document by which owner holds the value that ref names.
func ClaimDoc(ref, owner store.Ref) (store.Doc, error) {
	if ref.Kind != KindClaim || !strings.Contains(ref.ID, ":") {
		return store.Doc{}, ErrID
	}
	return document(KindClaim, ref.ID, nil, nil, Claim{Owner: owner})
}

// ReadClaim reads a claim back from its document.
func ReadClaim(d store.Doc) (Claim, error) { return read[Claim](KindClaim, d) }

// RegionDoc turns a region into its document, visible below the region and above it alike: everybody's Yunnan token
// is not held by all, so that it carries the pack token that every user reads.
func RegionDoc(r Region) (store.Doc, error) {
	return document(KindRegion, string(r.Code), []store.Token{PackToken(AllSectors)}, store.Fields{"name": store.Text(r.Name)}, r)
}

// ReadRegion reads a region back from its document.
func ReadRegion(d store.Doc) (Region, error) { return read[Region](KindRegion, d) }

// SectorDoc turns a sector into its document, visible to every user.
func SectorDoc(s Sector) (store.Doc, error) {
	return document(KindSector, string(s.ID), []store.Token{PackToken(AllSectors)}, store.Fields{"name": store.Text(s.Name)}, s)
}

// ReadSector reads a sector back from its document.
func ReadSector(d store.Doc) (Sector, error) { return read[Sector](KindSector, d) }

// DepartmentDoc turns a department into its document, visible to every user.
func DepartmentDoc(p Department) (store.Doc, error) {
	return document(KindDepartment, string(p.ID), []store.Token{PackToken(AllSectors)}, store.Fields{"name": store.Text(p.Name)}, p)
}

// ReadDepartment reads a department back from its document.
func ReadDepartment(d store.Doc) (Department, error) { return read[Department](KindDepartment, d) }
