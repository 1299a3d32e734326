package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is one key: how it is called, what it is when nobody says, and how its text becomes a value.
type setting struct {
	flag, def, usage string
	boolean          bool
	set              func(*Config, string) error
}

// env is the variable of a setting: listen → PAICHA_LISTEN.
func (s setting) env() string {
	return "PAICHA_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
}

// shown is a value as an error may tell it: an address may have a password in it.
func (s setting) shown(v string) string {
	if s.flag == "store" || s.flag == "blobs" {
		scheme, _, _ := strings.Cut(v, "://")
		return scheme + "…"
	}
	return v
}

// settings are all the keys there are.
func settings() []setting {
	return []setting{
		{flag: fileFlag, usage: "配置文件（YAML，每行“名称: 值”，名称同选项）", set: func(*Config, string) error { return nil }},
		{flag: "listen", def: "127.0.0.1:8080", usage: "监听地址 host:port", set: func(c *Config, v string) error {
			c.Listen = v
			return address(v)
		}},
		{flag: "data", def: "./data", usage: "数据目录", set: text(func(c *Config) *string { return &c.Data })},
		{flag: "store", usage: "文档库地址，例如 mongodb://主机/库名?replicaSet=…；含密码时写 @文件名，地址放在文件里；不填则用数据目录中的内置库", set: place(func(c *Config) *string { return &c.Store }, "sqlite://", "mongodb://", "mongodb+srv://")},
		{flag: "blobs", usage: "照片库地址，例如 s3+https://主机/桶名?keys=密钥文件；不填则放在数据目录", set: place(func(c *Config) *string { return &c.Blobs }, "file://", "s3+http://", "s3+https://")},
		{flag: "demo", def: "false", usage: "载入演示数据和演示账号（密码公开，不可用于正式环境）", boolean: true, set: func(c *Config, v string) (err error) {
			if c.Demo, err = strconv.ParseBool(v); err != nil {
				return errors.New("应为 true 或 false（want true or false）")
			}
			return nil
		}},
		{flag: "log-format", def: "text", usage: "日志格式 json 或 text", set: oneOf(func(c *Config) *string { return &c.LogFormat }, "json", "text")},
		{flag: "log-level", def: "info", usage: "日志级别 debug、info、warn、error", set: func(c *Config, v string) error {
			if !slices.Contains([]string{"debug", "info", "warn", "error"}, strings.ToLower(v)) || c.LogLevel.UnmarshalText([]byte(v)) != nil {
				return errors.New("应为 debug、info、warn 或 error（want debug, info, warn or error）")
			}
			return nil
		}},
		{flag: "token-key-file", usage: "访问令牌签名密钥文件；不填则首次启动时在数据目录生成", set: optional(func(c *Config) *string { return &c.TokenKeyFile })},
		{flag: "log-key-file", usage: "审计日志签名密钥文件，各节点须相同；不填则首次启动时在数据目录生成 log.key", set: optional(func(c *Config) *string { return &c.LogKeyFile })},
		{flag: "log-every", def: "10s", usage: "每隔多久把新的履历追加到审计日志；0 表示本节点不追加", set: func(c *Config, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 || d > 0 && d < 100*time.Millisecond || d > 24*time.Hour {
				return errors.New("应为 0 或 100ms 到 24 小时，例如 10s（want 0, or 100ms to 24h, such as 10s）")
			}
			c.LogEvery = d
			return nil
		}},
		{flag: "trusted-proxies", usage: "可信反向代理网段，逗号分隔", set: prefixes},
		{flag: "shutdown-grace", def: "20s", usage: "停止时等待未完成请求的时间", set: func(c *Config, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 || d > 10*time.Minute {
				return errors.New("应为 0 到 10 分钟，例如 20s（want 0 to 10m, such as 20s）")
			}
			c.ShutdownGrace = d
			return nil
		}},
		{flag: "backup-dir", usage: "定期备份的目录，应在另一块磁盘上；不填则不备份", set: optional(func(c *Config) *string { return &c.BackupDir })},
		{flag: "backup-every", def: "24h", usage: "备份间隔；0 表示只在收到 SIGUSR1 时备份", set: func(c *Config, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 || d > 0 && d < time.Minute || d > 366*24*time.Hour {
				return errors.New("应为 0 或 1 分钟以上，例如 24h（want 0, or at least 1m, such as 24h）")
			}
			c.BackupEvery = d
			return nil
		}},
		{flag: "backup-keep", def: "7", usage: "保留最近几份备份", set: count(func(c *Config) *int { return &c.BackupKeep }, 1, 10000)},
		{flag: "backup-keys", def: "false", usage: "备份中包含令牌密钥（恢复后访问令牌继续有效，但备份须同样保密）", boolean: true, set: func(c *Config, v string) (err error) {
			if c.BackupKeys, err = strconv.ParseBool(v); err != nil {
				return errors.New("应为 true 或 false（want true or false）")
			}
			return nil
		}},
		{flag: "archive-days", def: "90", usage: "已办结的隐患和检查记录最后一次变更后，在平板上保留的天数；0 表示一直保留", set: count(func(c *Config) *int { return &c.ArchiveDays }, 0, 36500)},
		{flag: "keep-general", def: "0", usage: "一般案卷办结后照片原件的保管期限，例如 10y 或 3700d，由当地档案规定决定；0 表示一直保留", set: period(func(c *Config) *Span { return &c.KeepGeneral })},
		{flag: "keep-major", def: "0", usage: "涉及重大隐患、重点问题或挂牌督办的案卷办结后照片原件的保管期限，不短于 keep-general；0 表示一直保留", set: period(func(c *Config) *Span { return &c.KeepMajor })},
		{flag: "body-bytes", def: "1MiB", usage: "普通请求体上限", set: size(func(c *Config) *int64 { return &c.Limits.BodyBytes }, 1<<12, 64<<20)},
		{flag: "push-bytes", def: "8MiB", usage: "一次推送的上限（解压后）", set: size(func(c *Config) *int64 { return &c.Limits.PushBytes }, 1<<16, 64<<20)},
		{flag: "push-mutations", def: "500", usage: "一次推送的变更数上限", set: count(func(c *Config) *int { return &c.Limits.PushMutations }, 1, 10000)},
		{flag: "pull-bytes", def: "4MiB", usage: "一页拉取的字节上限", set: size(func(c *Config) *int64 { return &c.Limits.PullBytes }, 1<<16, 64<<20)},
		{flag: "pull-changes", def: "1000", usage: "一页拉取的变更数上限", set: count(func(c *Config) *int { return &c.Limits.PullChanges }, 1, 10000)},
		{flag: "photo-bytes", def: "30MiB", usage: "单张照片的上限", set: size(func(c *Config) *int64 { return &c.Limits.PhotoBytes }, 1<<16, 1<<30)},
		{flag: "chunk-bytes", def: "30MiB", usage: "上传分段的上限", set: size(func(c *Config) *int64 { return &c.Limits.ChunkBytes }, 1<<14, 64<<20)},
		{flag: "uploads", def: "500", usage: "每人未完成上传数上限", set: count(func(c *Config) *int { return &c.Limits.Uploads }, 1, 10000)},
		{flag: "day-photos", def: "20000", usage: "每台设备每天上传照片数上限；超过的留在平板上，次日继续", set: count(func(c *Config) *int { return &c.Limits.DayPhotos }, 1, 1000000)},
		{flag: "day-bytes", def: "64GiB", usage: "每台设备每天上传照片的字节上限", set: size(func(c *Config) *int64 { return &c.Limits.DayBytes }, 1<<20, 1<<44)},
		{flag: "streams", def: "2000", usage: "事件流连接数上限", set: count(func(c *Config) *int { return &c.Limits.Streams }, 1, 100000)},
		{flag: "requests", def: "2048", usage: "同时处理的请求数上限", set: count(func(c *Config) *int { return &c.Limits.Requests }, 1, 100000)},
		{flag: "idle", def: "30s", usage: "客户端不出声（或收发过慢）多久后断开", set: func(c *Config, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d < 100*time.Millisecond || d > 10*time.Minute {
				return errors.New("应为 100ms 到 10 分钟，例如 30s（want 100ms to 10m, such as 30s）")
			}
			c.Limits.Idle = d
			return nil
		}},
		{flag: "logins", def: "2", usage: "同时验证的密码数", set: count(func(c *Config) *int { return &c.Limits.Logins }, 1, 64)},
	}
}

func optional(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = v
		return nil
	}
}

// place takes an address that begins with one of the schemes, or @ and the name of the file that holds it.
func place(field func(*Config) *string, schemes ...string) func(*Config, string) error {
	return func(c *Config, v string) error {
		known := v == "" || strings.HasPrefix(v, "@") || slices.ContainsFunc(schemes, func(s string) bool { return strings.HasPrefix(v, s) })
		if !known {
			return fmt.Errorf("应以 %s 或 @文件名 开头（want an address, or @ and a file）", strings.Join(schemes, "、"))
		}
		*field(c) = v
		return nil
	}
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if strings.TrimSpace(v) == "" {
			return errors.New("不能为空（must not be empty）")
		}
		*field(c) = v
		return nil
	}
}

func oneOf(field func(*Config) *string, set ...string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if !slices.Contains(set, v) {
			return fmt.Errorf("应为 %s（want one of %s）", strings.Join(set, " 或 "), strings.Join(set, ", "))
		}
		*field(c) = v
		return nil
	}
}

func address(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("应为 host:port，例如 127.0.0.1:8080（want host:port）")
	}
	return nil
}

func prefixes(c *Config, v string) error {
	c.TrustedProxies = nil
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return errors.New("应为网段，例如 10.0.0.0/8（want CIDR prefixes）")
		}
		c.TrustedProxies = append(c.TrustedProxies, p.Masked())
	}
	return nil
}

func size(field func(*Config) *int64, least, most int64) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := parseSize(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("应为 %d 到 %d 的数，可写 KiB、MiB（want %d to %d, KiB and MiB allowed）", least, most, least, most)
		}
		*field(c) = n
		return nil
	}
}

// parseSize reads a whole number with an optional KiB, MiB or GiB.
func parseSize(v string) (int64, error) {
	shift := 0
	for unit, s := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if rest, ok := strings.CutSuffix(v, unit); ok {
			v, shift = rest, s
			break
		}
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, strconv.ErrRange
	}
	return n << shift, nil
}

func count(field func(*Config) *int, least, most int) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("应为 %d 到 %d 的整数（want a whole number from %d to %d）", least, most, least, most)
		}
		*field(c) = n
		return nil
	}
}
