package bundle

import "paicha/internal/fault"

// The faults of evidence bundles.
var (
	ErrForm     = fault.New(fault.Invalid, "bundle.form", "这个文件不是排查证据包，或者没有下载完整，请重新导出")
	ErrVersion  = fault.New(fault.Unsupported, "bundle.version", "证据包的版本不认识，请使用新版本的核对程序")
	ErrTooLarge = fault.New(fault.TooLarge, "bundle.too_large", "证据包的目录或清单过大，不予读取")
)
