package audit

import "paicha/internal/fault"

// The log's faults.
var (
	ErrEmpty   = fault.New(fault.NotFound, "audit.empty", "日志中还没有记录")
	ErrAbsent  = fault.New(fault.NotFound, "audit.absent", "这条记录没有履历在日志中，或者您无权查看")
	ErrBeyond  = fault.New(fault.Conflict, "audit.beyond", "日志没有这么长：如果您保存的日志头比现在的长，日志已被截断或由较早的备份恢复，请向管理员查明")
	ErrSizes   = fault.New(fault.Invalid, "audit.sizes", "两个长度应为正整数，且前者不大于后者")
	ErrForked  = fault.New(fault.Conflict, "audit.forked", "两个日志头不在同一段历史上：日志被改写过，或由较早的备份恢复过")
	ErrKey     = fault.New(fault.Conflict, "audit.key", "日志头不是用本服务的日志密钥签名的：各节点须使用同一密钥文件，更换密钥须执行 paicha log resign")
	ErrKeyFile = fault.New(fault.Invalid, "audit.key_file", "不是日志密钥：密钥文件应为 32 字节的十六进制，公钥应为 paicha log key 打印的一行")
	ErrDamaged = fault.New(fault.Internal, "audit.damaged", "日志的数据前后不符，已停止追加，请管理员核对备份")
	ErrEntries = fault.New(fault.Invalid, "audit.entries", "记录的履历读不出来")
	ErrFile    = fault.New(fault.Invalid, "audit.file", "不是日志证明文件，或已损坏")
)
