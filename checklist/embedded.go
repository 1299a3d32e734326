package checklist

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"sync"

	"gopkg.in/yaml.v3"

	"paicha/internal/fault"
)

//go:embed standards/*.yaml packs/*.yaml publications.yaml plan.yaml
var files embed.FS

// Embedded gives the standards and packs that come with the program, compiled once.
var Embedded = sync.OnceValues(func() (*Bundle, error) { return LoadBundle(files) })

// Bundle is a set of standards and the packs that rest on them.
type Bundle struct {
	Standards *Standards
	Packs     []*Pack // by file name
}

// LoadBundle loads standards/*.yaml and packs/*.yaml. Anything wrong anywhere refuses the whole bundle.
func LoadBundle(fsys fs.FS) (*Bundle, error) {
	standards, err := LoadStandards(fsys, "standards")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(fsys, "packs/*.yaml")
	if err != nil {
		return nil, ErrPack.Because(err)
	}
	b := &Bundle{Standards: standards}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, ErrPack.Because(err)
		}
		p, err := LoadPack(name, data, standards)
		if err != nil {
			return nil, err
		}
		b.Packs = append(b.Packs, p)
	}
	return b, nil
}

// LoadStandards loads the standards of a folder. Anything wrong with one refuses all.
func LoadStandards(fsys fs.FS, dir string) (*Standards, error) {
	standards, list := lintStandards(fsys, dir)
	if len(list) > 0 {
		return nil, ErrStandard.Saying("%s", list[0])
	}
	return standards, nil
}

// Files are the sources of the standards and packs that come with the program.
func Files() fs.FS { return files }

// LintEmbedded lints what comes with the program.
func LintEmbedded() []Problem { return LintFS(files) }

func messageOf(err error) string { return fault.Of(err).Message }

// Catalogue is what comes with the program, by name and hash: enough to know what a server has already, without reading
// any of it.
type Catalogue struct {
	fsys         fs.FS
	standards    []sourceFile
	publications []embeddedVersion
}

// sourceFile is a file with the hash of its bytes.
type sourceFile struct {
	name string
	data []byte
	hash Hash
}

// embeddedVersion is a row of publications.yaml.
type embeddedVersion struct {
	Ref          PackRef `yaml:"ref"`
	File         string  `yaml:"file"`
	From         Day     `yaml:"from"`
	Until        Day     `yaml:"until,omitempty"`
	SupersededBy PackRef `yaml:"superseded_by,omitempty"`
	Hash         Hash    `yaml:"hash"`
}

// EmbeddedCatalogue reads the list of what comes with the program.
func EmbeddedCatalogue() (*Catalogue, error) {
	c := &Catalogue{fsys: files}
	names, err := fs.Glob(files, "standards/*.yaml")
	if err != nil {
		return nil, ErrStandard.Because(err)
	}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, ErrStandard.Because(err)
		}
		c.standards = append(c.standards, sourceFile{name: name, data: data, hash: hashOf(data)})
	}
	list, err := files.ReadFile("publications.yaml")
	if err != nil {
		return nil, ErrPack.Because(err)
	}
	if err := yaml.Unmarshal(list, &c.publications); err != nil {
		return nil, ErrPack.Because(err)
	}
	return c, nil
}

// Standards parses the standards that come with the program.
func (c *Catalogue) Standards() (*Standards, error) { return LoadStandards(c.fsys, "standards") }

// pack loads one version and holds it to the hash under which it was published.
func (c *Catalogue) pack(e embeddedVersion, standards *Standards) (*Pack, error) {
	data, err := fs.ReadFile(c.fsys, e.File)
	if err != nil {
		return nil, ErrPack.Because(err)
	}
	p, err := LoadPack(e.File, data, standards)
	if err != nil {
		return nil, err
	}
	if p.Ref() != e.Ref || p.Hash() != e.Hash {
		return nil, ErrImmutable.Because(fmt.Errorf("%s is %s with hash %s", e.File, p.Ref(), p.Hash()))
	}
	return p, nil
}

// standardID reads the id from the head of a standard's file, which is all that is needed to know whether it is here.
func (f sourceFile) standardID() StandardID {
	for line := range bytes.Lines(f.data) {
		if id, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("id:")); ok {
			return StandardID(bytes.Trim(bytes.TrimSpace(id), `"'`))
		}
	}
	return ""
}
