package checklist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// packFile is the YAML form of a pack, documented in docs/packs.md.
type packFile struct {
	ID        string         `yaml:"id"`
	Version   string         `yaml:"version"`
	Title     string         `yaml:"title"`
	Note      string         `yaml:"note"`
	Sectors   []Sector       `yaml:"sectors"`
	Standards []StandardID   `yaml:"standards"`
	Partly    []StandardID   `yaml:"partly"`
	Facts     []factFile     `yaml:"facts"`
	Sections  []sectionFile  `yaml:"sections"`
	Tallies   []tallyFile    `yaml:"tallies"`
	Rules     []ruleFile     `yaml:"rules"`
	Omitted   []omissionFile `yaml:"omitted"`
}

type factFile struct {
	Code    FactCode `yaml:"code"`
	Text    string   `yaml:"text"`
	Kind    Kind     `yaml:"kind"`
	Choices []string `yaml:"choices"`
}

type sectionFile struct {
	ID    string     `yaml:"id"`
	Title string     `yaml:"title"`
	When  string     `yaml:"when"`
	Items []itemFile `yaml:"items"`
}

type itemFile struct {
	Code     ItemCode     `yaml:"code"`
	Name     string       `yaml:"name"`
	Text     string       `yaml:"text"`
	Kind     Kind         `yaml:"kind"`
	Unit     string       `yaml:"unit"`
	Choices  []string     `yaml:"choices"`
	Place    string       `yaml:"place"`
	Help     string       `yaml:"help"`
	Evidence string       `yaml:"evidence"`
	Photos   int          `yaml:"photos"`
	Advice   string       `yaml:"advice"`
	Core     bool         `yaml:"core"`
	When     string       `yaml:"when"`
	Class    Class        `yaml:"class"`
	Annex1   int          `yaml:"annex1"`
	Clauses  []ClauseRef  `yaml:"clauses"`
	Measures []MeasureRef `yaml:"measures"`
}

type ruleFile struct {
	ID        RuleID       `yaml:"id"`
	Class     Class        `yaml:"class"`
	When      string       `yaml:"when"`
	Applies   string       `yaml:"applies"`
	Threshold *Condition   `yaml:"threshold"`
	While     []Condition  `yaml:"while"`
	Clauses   []ClauseRef  `yaml:"clauses"`
	Measures  []MeasureRef `yaml:"measures"`
	Explain   string       `yaml:"explain"`
}

type omissionFile struct {
	Clause  ClauseRef  `yaml:"clause"`
	Measure MeasureRef `yaml:"measure"`
	Reason  string     `yaml:"reason"`
}
