package backup

import "paicha/internal/fault"

// The faults of backups.
var (
	ErrNone     = fault.New(fault.NotFound, "backup.none", "这里没有完整的备份")
	ErrBusy     = fault.New(fault.Conflict, "backup.busy", "另一个进程正在使用这个备份目录，请等它结束")
	ErrDamaged  = fault.New(fault.Invalid, "backup.damaged", "备份已损坏，没有使用其中的任何内容")
	ErrFormat   = fault.New(fault.Unsupported, "backup.format", "这份备份由更新版本的程序写成，请用该版本恢复")
	ErrMedium   = fault.New(fault.Unavailable, "backup.medium", "备份目录无法读写，请检查磁盘空间和权限")
	ErrDiffers  = fault.New(fault.Internal, "backup.differs", "核对没有通过：目标与来源不一致，目标没有启用")
	ErrKeyThere = fault.New(fault.Conflict, "backup.key_there", "目标目录中已有另一把令牌密钥，没有覆盖")
)

// damaged says which file of a backup cannot be trusted.
func damaged(name string, err error) error {
	return ErrDamaged.Saying("备份已损坏：%s；没有启用其中的任何内容，请改用另一份备份", name).Because(err)
}
