package checklist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Limits of a YAML source.
const (
	maxYAML      = 1 << 20 // bytes
	maxYAMLDepth = 12
)

// readYAML decodes one document strictly: no unknown keys, no aliases (they can blow up), no second document. The node
// tree is returned for line numbers; it is nil when there is none.
func readYAML(data []byte, into any) (*yaml.Node, error) {
	if len(data) > maxYAML {
		return nil, fmt.Errorf("文件过大（%d 字节，上限 %d）", len(data), maxYAML)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("文件不是 UTF-8 编码")
	}
	var root yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("不是有效的 YAML：%w", err)
	}
	if err := plain(&root, 0); err != nil {
		return &root, err
	}
	var second yaml.Node
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return &root, fmt.Errorf("一个文件只能有一个 YAML 文档")
	}
	strict := yaml.NewDecoder(bytes.NewReader(data))
	strict.KnownFields(true)
	if err := strict.Decode(into); err != nil {
		return &root, fmt.Errorf("内容与格式不符：%w", err)
	}
	return &root, nil
}

func plain(n *yaml.Node, depth int) error {
	if depth > maxYAMLDepth {
		return fmt.Errorf("第 %d 行嵌套过深", n.Line)
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return fmt.Errorf("第 %d 行使用了 YAML 锚点或别名，不允许", n.Line)
	}
	for _, c := range n.Content {
		if err := plain(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// standardFile is the YAML form of a standard.
type standardFile struct {
	Standard struct {
		ID        string   `yaml:"id"`
		Title     string   `yaml:"title"`
		Document  string   `yaml:"document"`
		Issuer    string   `yaml:"issuer"`
		Effective string   `yaml:"effective"`
		Ended     string   `yaml:"ended"`
		Status    string   `yaml:"status"`
		Sectors   []Sector `yaml:"sectors"`
		Note      string   `yaml:"note"`
	} `yaml:"standard"`
	Clauses []struct {
		Clause     string `yaml:"clause"`
		Heading    string `yaml:"heading"`
		Criterion  string `yaml:"criterion"`
		Major      *bool  `yaml:"major"`
		Measurable []struct {
			Quantity  string `yaml:"quantity"`
			Unit      string `yaml:"unit"`
			MajorWhen string `yaml:"major_when"`
			Where     string `yaml:"where"`
			Note      string `yaml:"note"`
		} `yaml:"measurable"`
		Ask      string `yaml:"ask"`
		Evidence string `yaml:"evidence"`
		Verified *bool  `yaml:"verified"`
		Note     string `yaml:"note"`
	} `yaml:"clauses"`
}

// Source is a pack as its authors write it, in YAML (docs/packs.md) or in a workbook (package excel).
type Source struct {
	ID        string          `yaml:"id"`
	Version   string          `yaml:"version"`
	Title     string          `yaml:"title"`
	Note      string          `yaml:"note,omitempty"`
	Sectors   []Sector        `yaml:"sectors,omitempty,flow"`
	Standards []StandardID    `yaml:"standards,omitempty,flow"`
	Partly    []StandardID    `yaml:"partly,omitempty,flow"`
	Facts     []SourceFact    `yaml:"facts,omitempty"`
	Sections  []SourceSection `yaml:"sections,omitempty"`
	Tallies   []SourceTally   `yaml:"tallies,omitempty"`
	Rules     []SourceRule    `yaml:"rules,omitempty"`
	Omitted   []Omission      `yaml:"omitted,omitempty"`
}

// SourceFact is one fact about the enterprise.
type SourceFact struct {
	Code    FactCode `yaml:"code"`
	Text    string   `yaml:"text"`
	Kind    Kind     `yaml:"kind"`
	Choices []string `yaml:"choices,omitempty,flow"`
}

// SourceSection is one section; its When holds for all of its items.
type SourceSection struct {
	ID    string       `yaml:"id"`
	Title string       `yaml:"title"`
	When  string       `yaml:"when,omitempty"`
	Items []SourceItem `yaml:"items,omitempty"`
}

// SourceItem is one item. A class implies a rule, to which Measures go.
type SourceItem struct {
	Code     ItemCode     `yaml:"code"`
	Name     string       `yaml:"name,omitempty"`
	Text     string       `yaml:"text"`
	Kind     Kind         `yaml:"kind"`
	Unit     string       `yaml:"unit,omitempty"`
	Choices  []string     `yaml:"choices,omitempty,flow"`
	Place    string       `yaml:"place,omitempty"`
	Help     string       `yaml:"help,omitempty"`
	Evidence string       `yaml:"evidence,omitempty"`
	Photos   int          `yaml:"photos,omitempty"`
	Advice   string       `yaml:"advice,omitempty"`
	Core     bool         `yaml:"core,omitempty"`
	When     string       `yaml:"when,omitempty"`
	Class    Class        `yaml:"class,omitempty"`
	Annex1   int          `yaml:"annex1,omitempty"`
	Clauses  []ClauseRef  `yaml:"clauses,omitempty,flow"`
	Measures []MeasureRef `yaml:"measures,omitempty,flow"`
}

// SourceTally is one tally.
type SourceTally struct {
	Code    TallyCode      `yaml:"code"`
	Text    string         `yaml:"text"`
	Members []SourceMember `yaml:"members,omitempty"`
}

// SourceMember is one element of a tally: any of its conditions makes it hold.
type SourceMember struct {
	Clause ClauseRef   `yaml:"clause"`
	Any    []Condition `yaml:"any,omitempty,flow"`
}

// SourceRule is one rule, structured (Threshold, While) or free (When).
type SourceRule struct {
	ID        RuleID       `yaml:"id"`
	Class     Class        `yaml:"class"`
	When      string       `yaml:"when,omitempty"`
	Applies   string       `yaml:"applies,omitempty"`
	Threshold *Condition   `yaml:"threshold,omitempty,flow"`
	While     []Condition  `yaml:"while,omitempty,flow"`
	Clauses   []ClauseRef  `yaml:"clauses,omitempty,flow"`
	Measures  []MeasureRef `yaml:"measures,omitempty,flow"`
	Explain   string       `yaml:"explain,omitempty"`
}

// ParseSource reads the YAML form without judging what it says; ParsePack does that. The source is nil when there are
// problems.
func ParseSource(file string, data []byte) (*Source, []Problem) {
	var f Source
	if root, err := readYAML(data, &f); err != nil {
		ps := problems{file: file, root: root}
		ps.add("yaml_invalid", err.Error())
		return nil, ps.list
	}
	return &f, nil
}

// YAML writes the source in the form that ParseSource reads.
func (f *Source) YAML() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(f); err != nil {
		return nil, ErrPack.Because(err)
	}
	return b.Bytes(), nil
}

// FindSource finds the source of one version among packs/*.yaml of a file system; ErrPackUnknown when none is it. Files
// that cannot be read are passed over: Lint tells about them.
func FindSource(fsys fs.FS, ref PackRef) (*Source, error) {
	names, err := fs.Glob(fsys, "packs/*.yaml")
	if err != nil {
		return nil, ErrPack.Because(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, ErrPack.Because(err)
		}
		if f, _ := ParseSource(name, data); f != nil && f.ID == ref.ID() && f.Version == ref.Version() {
			return f, nil
		}
	}
	return nil, ErrPackUnknown.Saying("没有检查清单 %s", clip(string(ref)))
}
