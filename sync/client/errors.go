package client

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"paicha/internal/fault"
)

// The faults of the tablet's own side. What the server refuses is a *Refusal.
var (
	ErrOffline   = fault.New(fault.Unavailable, "client.offline", "暂时连不上服务器，内容已安全保存在本机，有网络时会自动上传")
	ErrAnswer    = fault.New(fault.Unavailable, "client.answer", "服务器的回答不完整，内容仍保存在本机，稍后会重试")
	ErrDamaged   = fault.New(fault.Internal, "client.damaged", "本机保存的数据有损坏，请不要卸载应用或清除数据，并联系管理员导出")
	ErrNotSaved  = fault.New(fault.Unavailable, "client.not_saved", "未能保存到本机，请检查存储空间后重试")
	ErrLogin     = fault.New(fault.Unauthorized, "client.login", "请先登录")
	ErrOtherUser = fault.New(fault.Conflict, "client.other_user", "本机存有另一账号的数据，请换用该账号登录，或为本账号另设数据目录")
	ErrArgs      = fault.New(fault.Invalid, "client.args", "记录内容不是有效的数据，未能保存")
	ErrPhoto     = fault.New(fault.Invalid, "client.photo", "照片文件是空的或没有说明属于哪次检查，未能保存")
	ErrWiped     = fault.New(fault.Gone, "client.wiped", "本机数据已按管理员要求清除，请联系管理员")
	ErrOversize  = fault.New(fault.TooLarge, "client.oversize", "这条内容超过服务器允许的大小，已保留在本机，请联系管理员")
	ErrClosed    = fault.New(fault.Unavailable, "client.closed", "本机数据尚未打开或已关闭")
	ErrNoRecord  = fault.New(fault.NotFound, "client.no_record", "本机还没有这次检查的可签名内容，请先同步")
)

// Refusal is what the server said no with: an RFC 9457 problem, or only a status where something between us answered.
type Refusal struct {
	Status int    `json:"status"` // HTTP status
	Code   string `json:"code"`   // the server's fault code; empty if it was not a problem
	Detail string `json:"detail"` // the Chinese sentence for the person

	After time.Duration `json:"-"` // Retry-After: come back no sooner; 0: not said
	Date  time.Time     `json:"-"` // the server's clock; zero: not said
}

type afterKey struct{}

// AskedWait is how long the server asked to be left alone, for a Tablet.Wait that is called because of it; 0 if it did not
// ask. Wait honours it beside its own back-off.
func AskedWait(ctx context.Context) time.Duration {
	d, _ := ctx.Value(afterKey{}).(time.Duration)
	return d
}

func withAsked(ctx context.Context, err error) context.Context {
	var r *Refusal
	if errors.As(err, &r) && r.After > 0 {
		return context.WithValue(ctx, afterKey{}, r.After)
	}
	return ctx
}

func (r *Refusal) Error() string {
	if r.Code == "" {
		return "server answered " + strconv.Itoa(r.Status)
	}
	return r.Code + " (" + strconv.Itoa(r.Status) + ")"
}

// temporary reports whether trying the same again later can help.
func temporary(err error) bool {
	if errors.Is(err, ErrOffline) || errors.Is(err, ErrAnswer) {
		return true
	}
	var r *Refusal
	if !errors.As(err, &r) {
		return false
	}
	switch r.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return r.Status >= 500
}

// refused reports whether err is a refusal of one of these statuses.
func refused(err error, statuses ...int) bool {
	var r *Refusal
	if !errors.As(err, &r) {
		return false
	}
	for _, s := range statuses {
		if r.Status == s {
			return true
		}
	}
	return false
}
