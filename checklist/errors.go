package checklist

import "paicha/internal/fault"

// The faults of this package. Codes are stable; the Chinese sentence is what a person reads.
var (
	ErrStandard        = fault.New(fault.Invalid, "checklist.standard_invalid", "判定标准文件有错误，不能使用")
	ErrPack            = fault.New(fault.Invalid, "checklist.pack_invalid", "检查清单有错误，不能使用")
	ErrPlan            = fault.New(fault.Invalid, "checklist.plan_invalid", "方案条目文件有错误，不能使用")
	ErrPackJSON        = fault.New(fault.Invalid, "checklist.pack_json_invalid", "收到的检查清单内容不完整或已损坏")
	ErrPackHash        = fault.New(fault.Invalid, "checklist.pack_hash_mismatch", "检查清单内容与其哈希值不一致，不能使用")
	ErrPackTooLarge    = fault.New(fault.TooLarge, "checklist.pack_too_large", "检查清单文件过大")
	ErrPackRef         = fault.New(fault.Invalid, "checklist.pack_ref_invalid", "检查清单编号格式不对，应为“编号@版本”")
	ErrClauseRef       = fault.New(fault.Invalid, "checklist.clause_ref_invalid", "条款引用格式不对，应为“标准编号#条款号”")
	ErrDay             = fault.New(fault.Invalid, "checklist.day_invalid", "日期格式不对，应为“年-月-日”，例如 2023-05-15")
	ErrFact            = fault.New(fault.Invalid, "checklist.fact_invalid", "企业情况只能填文字、数字或者是/否")
	ErrImmutable       = fault.New(fault.Conflict, "checklist.pack_immutable", "该版本的检查清单已经发布，内容不能更改，请发布新版本")
	ErrPackUnknown     = fault.New(fault.NotFound, "checklist.pack_unknown", "没有这个版本的检查清单")
	ErrNoCurrentPack   = fault.New(fault.NotFound, "checklist.no_current_pack", "该行业在这一天没有可用的检查清单")
	ErrStandardUnknown = fault.New(fault.NotFound, "checklist.standard_unknown", "没有这个判定标准")
	ErrDraftUnknown    = fault.New(fault.NotFound, "checklist.draft_unknown", "没有这份检查清单草稿，可能已经发布或删除")
	ErrDrafts          = fault.New(fault.TooMany, "checklist.too_many_drafts", "检查清单草稿过多，请先发布或删除旧草稿")
	ErrBusy            = fault.New(fault.Unavailable, "checklist.busy", "多人同时在改，请稍后再试")
	ErrValidity        = fault.New(fault.Invalid, "checklist.validity_invalid", "检查清单的启用日期必须早于停用日期")
)
