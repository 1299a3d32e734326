// Package excel lets the people who own a checklist change it in Excel: Write makes a workbook of a pack's source, Read
// makes the source of a workbook again. Writing and reading a pack without a change keeps its hash.
//
// A workbook has one sheet for each kind of thing (sheets.go says which columns), a sheet that explains them all, and a
// sheet with the clauses and limits of the pack's standards for look-up; the last two are not read. Sheets and columns are
// found by their Chinese names, so columns may change places. Where the order of rows matters it is the order in the pack.
//
// Reading is strict. What is not understood is a problem that names sheet, cell and reason in Chinese, never a guess and
// never left out silently: formulas, merged cells, unknown sheets and columns, dates, percentages, characters that nobody
// sees. Blanks around a text go, and full-width digits in a number cell become digits; a code stays as it was typed. Then
// the source passes checklist.ParsePack like any YAML file, and what is wrong there is told with sheet and cell as well.
//
// A workbook comes from outside, so archive.go bounds it before anything else sees it: file, inflated size, parts, XML
// elements, rows, columns and text. excelize gets a copy that holds only the XML parts that passed.
package excel
