package directory

import (
	_ "embed"
	"strings"

	"gopkg.in/yaml.v3"
)

// DepartmentID names a department: its region's code, a hyphen and a short Latin form of its name, "5325-yjj".
type DepartmentID string

// Department is a body with supervision duty at a region level.
type Department struct {
	ID     DepartmentID `json:"id" yaml:"id"`
	Name   string       `json:"name" yaml:"name"`     // in full: 红河州应急管理局
	Short  string       `json:"short" yaml:"short"`   // as the action plan prints it: 州应急局
	Region RegionCode   `json:"region" yaml:"region"` // whose department it is
}

//go:embed seed/departments.yaml
var departmentSeed []byte

var departments, departmentOf, departmentCalled = loadDepartments(departmentSeed)

func loadDepartments(seed []byte) ([]Department, map[DepartmentID]Department, map[string]DepartmentID) {
	var list []Department
	if err := yaml.Unmarshal(seed, &list); err != nil {
		panic("directory: seed/departments.yaml: " + err.Error())
	}
	byID := make(map[DepartmentID]Department, len(list))
	byShort := make(map[string]DepartmentID, len(list))
	for _, d := range list {
		byID[d.ID] = d
		byShort[d.Short] = d.ID
	}
	return list, byID, byShort
}

// Departments returns the prefecture's departments that the action plan names, then those of the divisions that the
// directory knows.
func Departments() []Department { return append([]Department(nil), departments...) }

// DepartmentByID finds a department.
func DepartmentByID(id DepartmentID) (Department, bool) {
	d, ok := departmentOf[id]
	return d, ok
}

// ParseDepartment reads a department's id: one of the directory's, or of the same form for a region of the tree, since
// divisions name their own departments. Anything else is ErrDepartment.
func ParseDepartment(s string) (DepartmentID, error) {
	if _, ok := departmentOf[DepartmentID(s)]; ok {
		return DepartmentID(s), nil
	}
	region, abbr, ok := strings.Cut(s, "-")
	if !ok || len(abbr) == 0 || len(abbr) > 16 || strings.Trim(abbr, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return "", ErrDepartment.Saying("没有这个部门：%.40q", s)
	}
	if _, known := regionOf[RegionCode(region)]; !known {
		return "", ErrDepartment.Saying("没有这个部门：%.40q", s)
	}
	return DepartmentID(s), nil
}

// Region returns whose department it is.
func (id DepartmentID) Region() RegionCode {
	region, _, _ := strings.Cut(string(id), "-")
	return RegionCode(region)
}

// Name returns the department's short Chinese name, or the id itself if the directory does not know it.
func (id DepartmentID) Name() string {
	if d, ok := departmentOf[id]; ok {
		return d.Short
	}
	return string(id)
}
