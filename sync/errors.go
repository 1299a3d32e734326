package sync

import "paicha/internal/fault"

// The faults of syncing.
var (
	ErrBody          = fault.New(fault.Invalid, "sync.body", "请求内容不是有效的同步数据，未处理任何一条；请更新应用后重试")
	ErrTooMany       = fault.New(fault.TooLarge, "sync.too_many", "一次上传的记录条数过多，请分批上传")
	ErrTooLarge      = fault.New(fault.TooLarge, "sync.too_large", "请求内容过大，请分批上传")
	ErrProtocol      = fault.New(fault.Unsupported, "sync.protocol", "应用版本与服务器不兼容，请升级应用；本机记录不会丢失")
	ErrDevice        = fault.New(fault.Forbidden, "sync.device", "设备编号与登录的设备不一致")
	ErrCursor        = fault.New(fault.Invalid, "sync.cursor", "同步位置无法识别，请重新完整同步")
	ErrMutation      = fault.New(fault.Invalid, "sync.mutation", "这条记录的格式不正确，服务器无法识别")
	ErrMutationSize  = fault.New(fault.TooLarge, "sync.mutation_too_large", "这条记录过大，无法接收")
	ErrCommand       = fault.New(fault.Invalid, "sync.unknown_command", "服务器不认识这项操作，请升级应用或联系管理员")
	ErrKind          = fault.New(fault.Invalid, "sync.wrong_kind", "这项操作不能用于这类记录")
	ErrForbidden     = fault.New(fault.Forbidden, "sync.forbidden", "您无权进行这项操作")
	ErrReused        = fault.New(fault.Conflict, "sync.mutation_reused", "同一编号的记录内容与先前不同，请人工核对")
	ErrBlocked       = fault.New(fault.Conflict, "sync.blocked", "这条记录要等前面的记录处理完，请保留并稍后再传")
	ErrBusy          = fault.New(fault.Unavailable, "sync.busy", "服务器暂时无法确认结果，请保留并稍后再传")
	ErrQuarantined   = fault.New(fault.Forbidden, "sync.quarantined", "您的权限已变化，记录已安全保存，待主管人员处理")
	ErrForked        = fault.New(fault.Conflict, "sync.forked", "这台设备的数据像是从另一台设备复制来的，记录已安全保存，待主管人员处理")
	ErrGap           = fault.New(fault.Conflict, "sync.gap", "这台设备较早的记录还没有传到，请保留并稍后再传")
	ErrLinks         = fault.New(fault.TooLarge, "sync.too_many_links", "一次说明的未传记录过多，请分批上传")
	ErrReleaseOrder  = fault.New(fault.Conflict, "sync.release_order", "这条记录所补充的检查还没有放行，请先放行开始该检查的那一条")
	ErrReleaseForm   = fault.New(fault.Invalid, "sync.release_form", "这条记录的格式不正确，不能放行，只能驳回")
	ErrDecided       = fault.New(fault.Conflict, "sync.decided", "这条隔离记录已经处理过了")
	ErrDismissReason = fault.New(fault.Invalid, "sync.dismiss_reason", "驳回隔离记录必须写明理由")
	ErrConflict      = fault.New(fault.Conflict, "sync.conflict", "与他人的记录不一致，两份内容都已保留，请核对")
	ErrProposal      = fault.New(fault.Conflict, "sync.proposal", "检查已提交，您的补充内容已作为建议保留，待处理")
	ErrReview        = fault.New(fault.Invalid, "sync.review", "照片审核结论只能是 ok、doubtful 或 retake")
	ErrUnattested    = fault.New(fault.NotFound, "sync.unattested", "这份检查记录还没有电子签名，没有可核对的内容")
	ErrEnterprise    = fault.New(fault.Invalid, "sync.enterprise", "所填行政区划与该企业登记的不一致，请核对后重新提交")
)
