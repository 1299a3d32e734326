// Command paicha is the server of mobile-field safety inspection, and the tools that come with it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // rules name zones, and the container has no zone files
)

// version is set by the build.
var version = "dev"

// subcommand is one thing that the binary does; args are what follows its name.
type subcommand struct {
	name, help string
	run        func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

func subcommands() []subcommand {
	return []subcommand{
		{"serve", "启动服务：paicha serve --demo --listen 127.0.0.1:8080 --data ./data", serve},
		{"demo", "演示一次完整的检查与闭环：paicha demo [--server http://127.0.0.1:8080]", demo},
		{"conformance", "按同步协议逐条检验一个服务：paicha conformance --server http://127.0.0.1:8080", conform},
		{"checklist", "检查清单工具：核对、覆盖、导出为 Excel、从 Excel 导入：paicha checklist lint|coverage|export|import", checklists},
		{"backup", "备份已停止的服务，或核对备份：paicha backup --data ./data --to /backup", takeBackup},
		{"restore", "把备份恢复到空的目录：paicha restore --from /backup --data ./data", restore},
		{"migrate", "把单机数据迁移到另一个库：paicha migrate --from ./data --to 地址 --blobs 地址", migrate},
		{"pictures", "补做或重做缩略图、预览图和画面指纹：paicha pictures --store sqlite://./data [--again]", remake},
		{"scrub", "逐张核对已停止服务的照片，并从备份恢复损坏的：paicha scrub --data ./data [--second /backup]", scrub},
		{"retention", "列出已停止服务中保管期限已满的照片及理由，不作任何改动：paicha retention --data ./data --keep-general 10y", retention},
		{"verify", "离线核对检查记录的签名文件和证据包：paicha verify [--photos 照片目录] [--log-key 日志公钥] [--json] 文件…", verify},
		{"log", "审计日志：打印公钥、比较两次的日志头、更换密钥：paicha log key|compare|resign", auditLog},
		{"healthcheck", "询问本机服务是否就绪，供容器使用", healthcheck},
		{"version", "显示版本", func(_ context.Context, _ []string, out, _ io.Writer) int { fmt.Fprintln(out, version); return 0 }},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run picks the subcommand. It returns the exit code: 0 done, 1 failed, 2 not understood.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return pick(ctx, subcommands(), "排查 Paicha：移动现场安全检查的后台。用法：paicha 命令 [参数]", args, stdout, stderr)
}

// pick runs the one of the commands that args name, or says which there are.
func pick(ctx context.Context, commands []subcommand, usage string, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		for _, s := range commands {
			if s.name == args[0] {
				return s.run(ctx, args[1:], stdout, stderr)
			}
		}
		fmt.Fprintf(stderr, "没有“%s”这个命令。\n\n", args[0])
	}
	fmt.Fprintln(stderr, usage)
	for _, s := range commands {
		fmt.Fprintf(stderr, "  %-12s %s\n", s.name, s.help)
	}
	return 2
}
