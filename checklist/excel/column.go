package excel

// form is what may stand in the cells of a column.
type form int

const (
	codeForm   form = iota // an identifier, kept as it was typed
	textForm               // a sentence or several
	exprForm               // an expression
	linesForm              // one entry a line
	wordForm               // one of some words
	wholeForm              // a whole number
	numberForm             // a number
)

// list is where a drop-down takes what it offers.
type list int

const (
	nothing list = iota
	sectionList
	itemList
	tallyList
	ruleList
	clauseList
	measureList
	unitList
)

// spec is what a column is, whatever it belongs to.
type spec struct {
	title       string
	field       string // the path below its row under which checklist tells what is wrong with it
	form        form
	width       float64
	needed      bool
	words       words // of wordForm
	least, most int   // of wholeForm
	offers      list
	help        string
}

// column is a column whose rows are of type T.
type column[T any] struct {
	spec
	show func(*T) any // string, []string, int, float64, or nil for an empty cell
	take func(*T, content)
}

// content is what was read from a cell, by the form of its column.
type content struct {
	text    string // codeForm, textForm, exprForm; of wordForm the key
	lines   []string
	number  float64 // numberForm; wholeForm too
	percent bool    // a number was typed with %
}

// table is a sheet of rows.
type table[T any] struct {
	sheet   string
	freeze  int // columns that stay when the sheet is scrolled
	help    string
	columns []column[T]
}

func text[T any, S ~string](f form, title, field string, at func(*T) *S) column[T] {
	return column[T]{
		spec: spec{title: title, field: field, form: f},
		show: func(row *T) any { return shown(string(*at(row))) },
		take: func(row *T, c content) { *at(row) = S(c.text) },
	}
}

func shown(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func lines[T any, S ~string](title, field string, at func(*T) *[]S) column[T] {
	return column[T]{
		spec: spec{title: title, field: field, form: linesForm},
		show: func(row *T) any {
			entries := make([]string, len(*at(row)))
			for i, s := range *at(row) {
				entries[i] = string(s)
			}
			return entries
		},
		take: func(row *T, c content) {
			*at(row) = nil
			for _, s := range c.lines {
				*at(row) = append(*at(row), S(s))
			}
		},
	}
}

func oneOf[T any, S ~string](w words, title, field string, at func(*T) *S) column[T] {
	c := text(wordForm, title, field, at)
	c.words = w
	c.show = func(row *T) any { return shown(w.chinese(string(*at(row)))) }
	return c
}

func whole[T any](least, most int, title, field string, at func(*T) *int) column[T] {
	return column[T]{
		spec: spec{title: title, field: field, form: wholeForm, least: least, most: most},
		show: func(row *T) any {
			if *at(row) == 0 {
				return nil
			}
			return *at(row)
		},
		take: func(row *T, c content) { *at(row) = int(c.number) },
	}
}

func number[T any](title, field string, at func(*T) **float64) column[T] {
	return column[T]{
		spec: spec{title: title, field: field, form: numberForm},
		show: func(row *T) any {
			if *at(row) == nil {
				return nil
			}
			return **at(row)
		},
		take: func(row *T, c content) { *at(row) = &c.number },
	}
}

func yesNo[T any](title, field string, at func(*T) *bool) column[T] {
	return column[T]{
		spec: spec{title: title, field: field, form: wordForm, words: answers},
		show: func(row *T) any {
			if *at(row) {
				return answers.chinese("yes")
			}
			return answers.chinese("no")
		},
		take: func(row *T, c content) { *at(row) = c.text == "yes" },
	}
}

func (c column[T]) need() column[T]              { c.needed = true; return c }
func (c column[T]) offer(l list) column[T]       { c.offers = l; return c }
func (c column[T]) wide(width float64) column[T] { c.width = width; return c }
func (c column[T]) says(help string) column[T]   { c.help = help; return c }

func specsOf[T any](columns []column[T]) []spec {
	out := make([]spec, len(columns))
	for i, c := range columns {
		out[i] = c.spec
	}
	return out
}
