package attest

import "paicha/internal/fault"

// The faults of what is signed. Their codes begin with "inspection" because that is what people sign.
var (
	ErrNotCanonical = fault.New(fault.Invalid, "inspection.not_canonical", "签名内容不是规范的 JSON 形式（RFC 8785），请更新应用后重新签名；检查记录已保存，不会丢失")
	ErrSignature    = fault.New(fault.Invalid, "inspection.signature", "签名与内容或本设备的密钥不符，请在本设备上重新签名；检查记录已保存，不会丢失")
	ErrFile         = fault.New(fault.Invalid, "attest.file", "这不是检查记录的签名文件，或者文件已损坏")
	ErrFileTooLarge = fault.New(fault.TooLarge, "attest.too_large", "签名文件过大，不予核对")
	ErrFileVersion  = fault.New(fault.Unsupported, "attest.version", "签名文件的版本较新，请升级后再核对")
)
