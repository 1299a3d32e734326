package directory

import "paicha/internal/fault"

// The directory's faults.
var (
	ErrRegion      = fault.New(fault.Invalid, "directory.region", "没有这个行政区划代码")
	ErrSector      = fault.New(fault.Invalid, "directory.sector", "没有这个行业领域")
	ErrDepartment  = fault.New(fault.Invalid, "directory.department", "没有这个部门")
	ErrCreditCode  = fault.New(fault.Invalid, "directory.credit_code", "统一社会信用代码不正确，应为18位并通过校验")
	ErrCodeTaken   = fault.New(fault.Conflict, "directory.credit_code_taken", "该统一社会信用代码已被另一家企业使用")
	ErrLogin       = fault.New(fault.Invalid, "directory.login", "账号名不正确：应为2至64个字符，不含空白和斜杠")
	ErrLoginTaken  = fault.New(fault.Conflict, "directory.login_taken", "该账号名已被使用")
	ErrName        = fault.New(fault.Invalid, "directory.name", "名称不能为空，也不能超过200个字符")
	ErrID          = fault.New(fault.Invalid, "directory.id", "编号不正确：应为1至64个字母、数字或连字符")
	ErrEnterprise  = fault.New(fault.Invalid, "directory.enterprise", "企业资料不完整或不正确")
	ErrLocation    = fault.New(fault.Invalid, "directory.location", "位置不正确：经纬度应在有效范围内，并说明坐标系是 WGS-84 还是 GCJ-02")
	ErrRole        = fault.New(fault.Invalid, "directory.role", "没有这个角色")
	ErrGrant       = fault.New(fault.Invalid, "directory.grant", "授权不正确：范围、角色或起止时间有误")
	ErrUser        = fault.New(fault.Invalid, "directory.user", "用户资料不完整或不正确")
	ErrDevice      = fault.New(fault.Invalid, "directory.device", "设备资料不完整或不正确")
	ErrDeviceKey   = fault.New(fault.Invalid, "directory.device_key", "设备公钥不正确，应为 ECDSA P-256")
	ErrToken       = fault.New(fault.Invalid, "directory.token", "范围标记不正确")
	ErrUnreadable  = fault.New(fault.Internal, "directory.unreadable", "存储中的名录记录无法读取，请联系管理员")
	ErrDemoInvalid = fault.New(fault.Internal, "directory.demo_invalid", "内置演示数据有误，请联系管理员")
)
