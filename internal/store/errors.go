package store

import "paicha/internal/fault"

// The store's faults.
var (
	ErrNotFound     = fault.New(fault.NotFound, "store.not_found", "没有这条记录，或者您无权查看")
	ErrNoIndex      = fault.New(fault.Invalid, "store.no_index", "不支持按这些条件查询或排序")
	ErrUnavailable  = fault.New(fault.Unavailable, "store.unavailable", "存储暂时不可用，数据未丢失，请稍后重试")
	ErrClosed       = fault.New(fault.Unavailable, "store.closed", "服务正在停止，请稍后重试")
	ErrInUse        = fault.New(fault.Conflict, "store.in_use", "数据目录正被另一个进程使用，请先停止它，或换一个目录")
	ErrEpoch        = fault.New(fault.Unavailable, "store.epoch", "数据已被另一份备份取代，本服务须停止并重新启动")
	ErrNotPortable  = fault.New(fault.Unsupported, "store.not_portable", "这种存储不支持备份、恢复和迁移")
	ErrNoHistory    = fault.New(fault.NotFound, "store.no_history", "这里没有排查的数据，请检查目录或地址")
	ErrNotEmpty     = fault.New(fault.Conflict, "store.not_empty", "目标中已有数据，恢复和迁移只能写入空的目标；原有数据没有改动")
	ErrArriving     = fault.New(fault.Conflict, "store.arriving", "上次恢复或迁移没有完成，请用同样的命令再执行一次，完成之后才能使用")
	ErrOtherArrival = fault.New(fault.Conflict, "store.other_arrival", "目标中有另一份备份或来源的未完成数据，请继续那一次，或换一个空的目标")
	ErrLoadDiffers  = fault.New(fault.Conflict, "store.load_differs", "同一条记录的同一版本内容不同，来源或目标已损坏")
	ErrTooLarge     = fault.New(fault.TooLarge, "store.too_large", "这条记录过大，未保存，请分成几条记录")
	ErrReset        = fault.New(fault.Gone, "store.reset", "同步位置已失效，请重新完整同步")
)
