package auth

import "paicha/internal/fault"

// The faults of authentication and of the policy.
var (
	ErrCredentials   = fault.New(fault.Unauthorized, "auth.credentials", "账号或密码不正确")
	ErrPassword      = fault.New(fault.Invalid, "auth.password", "密码长度应为10至128个字符")
	ErrTooMany       = fault.New(fault.TooMany, "auth.too_many", "登录失败次数过多，请15分钟后再试")
	ErrBusy          = fault.New(fault.Unavailable, "auth.busy", "登录人数较多，请稍后再试")
	ErrToken         = fault.New(fault.Unauthorized, "auth.token", "登录凭证无效，请重新登录")
	ErrExpired       = fault.New(fault.Unauthorized, "auth.expired", "登录已过期，请刷新登录")
	ErrRefresh       = fault.New(fault.Unauthorized, "auth.refresh", "登录已失效，请重新登录；未上传的数据会保留")
	ErrReused        = fault.New(fault.Unauthorized, "auth.reused", "登录凭证被重复使用，为安全起见已退出登录，请重新登录")
	ErrSignature     = fault.New(fault.Unauthorized, "auth.signature", "设备签名不正确")
	ErrStale         = fault.New(fault.Unauthorized, "auth.stale_proof", "请求的时间与服务器相差过大，请按服务器时间重新签名")
	ErrLink          = fault.New(fault.Forbidden, "auth.link", "照片链接无效或已过期，请刷新页面后再看")
	ErrDisabled      = fault.New(fault.Forbidden, "auth.disabled", "账号已停用，请联系管理员")
	ErrDevice        = fault.New(fault.Unauthorized, "auth.device", "设备未登记，请重新登录")
	ErrDeviceRevoked = fault.New(fault.Forbidden, "auth.device_revoked", "本设备已停用，仅可上传未提交的数据")
	ErrDeviceStolen  = fault.New(fault.Forbidden, "auth.device_stolen", "本设备已挂失，不能使用")
	ErrDeviceOwner   = fault.New(fault.Conflict, "auth.device_owner", "本设备密钥已登记在另一账号名下，请为本账号生成新的密钥")
	ErrForbidden     = fault.New(fault.Forbidden, "auth.forbidden", "您没有权限执行此操作")
	ErrNoRow         = fault.New(fault.Internal, "auth.no_row", "系统未定义此操作的权限，请联系管理员")
	ErrRaced         = fault.New(fault.Unavailable, "auth.raced", "登录状态正被同时更新，请重试")
	ErrKey           = fault.New(fault.Internal, "auth.key", "系统登录密钥未配置或过短，请联系管理员")
)
