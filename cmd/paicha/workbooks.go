package main

import (
	"io"

	"paicha/checklist"
	"paicha/checklist/excel"
)

// workbooks lets the edge read and write checklists as Excel files.
type workbooks struct{}

// Read implements httpapi.Workbooks.
func (workbooks) Read(r io.ReaderAt, size int64, standards *checklist.Standards) (*checklist.Pack, []checklist.Problem) {
	_, p, problems := excel.Read(r, size, standards)
	return p, problems
}

// Write implements httpapi.Workbooks.
func (workbooks) Write(w io.Writer, p *checklist.Pack, standards *checklist.Standards) error {
	source, err := p.Source()
	if err != nil {
		return err
	}
	return excel.Write(w, source, standards)
}
