package store

import "paicha/internal/fault"

// The store's faults.
var (
	ErrNotFound    = fault.New(fault.NotFound, "store.not_found", "没有这条记录，或者您无权查看")
	ErrNoIndex     = fault.New(fault.Invalid, "store.no_index", "不支持按这些条件查询或排序")
	ErrUnavailable = fault.New(fault.Unavailable, "store.unavailable", "存储暂时不可用，数据未丢失，请稍后重试")
	ErrClosed      = fault.New(fault.Unavailable, "store.closed", "服务正在停止，请稍后重试")
	ErrInUse       = fault.New(fault.Conflict, "store.in_use", "数据目录正被另一个进程使用，请先停止它，或换一个目录")
	ErrTooLarge    = fault.New(fault.TooLarge, "store.too_large", "这条记录过大，未保存，请分成几条记录")
	ErrReset       = fault.New(fault.Gone, "store.reset", "同步位置已失效，请重新完整同步")
)
