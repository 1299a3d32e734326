package httpapi

import "paicha/internal/fault"

// The faults of the edge itself. What the line did to a request (incomplete, slow) is 503 and neither 400 nor 408: stock
// clients of tus take most 4xx for final and give the photo up, and a push would look for a culprit in its batch.
var (
	ErrRoute       = fault.New(fault.NotFound, "httpapi.route", "没有这个地址，请检查应用版本或联系管理员")
	ErrMethod      = fault.New(fault.Invalid, "httpapi.method", "这个地址不支持此种请求方式")
	ErrBodyLarge   = fault.New(fault.TooLarge, "httpapi.body_too_large", "提交的内容过大，请分批提交")
	ErrHeaderLarge = fault.New(fault.TooLarge, "httpapi.header_too_large", "请求头过大，请重新登录后再试")
	ErrMediaType   = fault.New(fault.Unsupported, "httpapi.media_type", "不支持这种内容类型，应为 UTF-8 编码的 application/json")
	ErrEncoding    = fault.New(fault.Unsupported, "httpapi.encoding", "不支持这种压缩方式，只支持 gzip 和 zstd")
	ErrInflate     = fault.New(fault.Invalid, "httpapi.inflate", "压缩的内容已损坏，请重新发送")
	ErrIncomplete  = fault.New(fault.Unavailable, "httpapi.incomplete", "请求没有传完，请检查网络后重新发送")
	ErrSlow        = fault.New(fault.Unavailable, "httpapi.slow", "网络过慢，请求超时，请稍后重试")
	ErrJSON        = fault.New(fault.Invalid, "httpapi.json", "提交的内容不是有效的 JSON，请更新应用后重试")
	ErrRequest     = fault.New(fault.Invalid, "httpapi.request", "请求格式不正确")
	ErrNoSession   = fault.New(fault.Unauthorized, "httpapi.no_session", "请先登录")
	ErrQuery       = fault.New(fault.Invalid, "httpapi.query", "查询条件不正确")
	ErrRate        = fault.New(fault.TooMany, "httpapi.rate", "登录请求过于频繁，请稍后再试")
	ErrCrowded     = fault.New(fault.Unavailable, "httpapi.crowded", "服务器繁忙，请稍后再试")
	ErrDeviceBusy  = fault.New(fault.TooMany, "httpapi.device_busy", "本设备同时发出的请求过多，请稍后再试")
	ErrStreams     = fault.New(fault.Unavailable, "httpapi.streams", "实时连接过多，数据仍可正常同步")
	ErrTusVersion  = fault.New(fault.Invalid, "httpapi.tus_version", "上传协议版本不支持，应为 Tus-Resumable: 1.0.0")
	ErrTusHeader   = fault.New(fault.Invalid, "httpapi.tus_header", "上传请求的头部不正确")
	ErrRange       = fault.New(fault.Invalid, "httpapi.range", "请求的字节范围不在文件之内")
	ErrNotReady    = fault.New(fault.Unavailable, "httpapi.not_ready", "服务尚未就绪，请稍后再试")
)
