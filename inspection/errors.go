package inspection

import "paicha/internal/fault"

// The faults of inspections and hazards. Nothing is refused for being odd: these are for what cannot be understood,
// what the state does not allow, and what only a supervisor may.
var (
	ErrBadID           = fault.New(fault.Invalid, "inspection.bad_id", "编号格式不正确，应为小写UUID")
	ErrMalformed       = fault.New(fault.Invalid, "inspection.malformed", "数据无法识别，请更新应用后重新提交")
	ErrMissing         = fault.New(fault.Invalid, "inspection.missing", "缺少必填内容")
	ErrTooMany         = fault.New(fault.TooLarge, "inspection.too_many", "一次提交的内容过多，请分批提交")
	ErrTooLong         = fault.New(fault.TooLarge, "inspection.too_long", "文字过长，请精简后重新提交")
	ErrTwice           = fault.New(fault.Invalid, "inspection.twice", "同一检查项在一次保存中出现两次")
	ErrBadValue        = fault.New(fault.Invalid, "inspection.bad_value", "填写的值不在允许范围内")
	ErrNotBegun        = fault.New(fault.Invalid, "inspection.not_begun", "首次保存必须写明被检查单位、行政区域、行业、检查方式和检查表")
	ErrInspectionMove  = fault.New(fault.Conflict, "inspection.no_move", "检查记录当前状态不允许此操作")
	ErrUnsettled       = fault.New(fault.NotFound, "inspection.no_such_conflict", "没有找到这条待处理的分歧或建议")
	ErrNotTeam         = fault.New(fault.Forbidden, "inspection.not_team", "您不是本次检查的检查人员，不能提交或更正")
	ErrUnsigned        = fault.New(fault.Invalid, "inspection.unsigned", "缺少检查人员签名，请签名后再提交")
	ErrOtherContent    = fault.New(fault.Conflict, "inspection.other_content", "所签的内容不是这份检查记录的内容，请同步后核对，再签名")
	ErrNoMove          = fault.New(fault.Conflict, "hazard.no_move", "隐患当前状态不允许此操作")
	ErrReason          = fault.New(fault.Invalid, "hazard.reason_required", "请写明理由")
	ErrFixings         = fault.New(fault.Invalid, "hazard.fixings_incomplete", "整改需要时间的，责任人、措施、资金、期限、预案五项必须齐全")
	ErrPhotos          = fault.New(fault.Invalid, "hazard.photos_required", "当场整改的，必须有整改前和整改后的照片")
	ErrSupervisorOnly  = fault.New(fault.Forbidden, "hazard.supervisor_only", "只有监管人员才能撤销隐患或降低隐患等级")
	ErrListedElsewhere = fault.New(fault.Conflict, "hazard.listed_authority", "挂牌督办的隐患须由挂牌单位验收")
	ErrDeadline        = fault.New(fault.Invalid, "hazard.deadline", "整改期限不正确：须晚于现在；已有期限的，须通过延期办理")
	ErrSelfAccept      = fault.New(fault.Forbidden, "hazard.self_accept", "报送整改的一方不能自己验收")
)
