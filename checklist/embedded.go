package checklist

import (
	"embed"
	"io/fs"
	"sync"

	"paicha/internal/fault"
)

//go:embed standards/*.yaml packs/*.yaml
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
