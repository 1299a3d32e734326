package excel

import "paicha/internal/fault"

// The faults of this package. What is wrong with a workbook is told as checklist.Problem, because there may be many.
var (
	ErrText  = fault.New(fault.Invalid, "excel.text", "清单中有表格不能原样保存的文字，请先修改")
	ErrRows  = fault.New(fault.TooLarge, "excel.rows", "清单内容过多，表格放不下")
	ErrWrite = fault.New(fault.Internal, "excel.write", "生成表格时出错")
)
