package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"paicha/internal/backup"
)

// migrate is "paicha migrate": an embedded deployment, stopped, straight into another store.
func migrate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("migrate", "paicha migrate --from 数据目录 --to 文档库地址 --blobs 照片库地址", stderr)
	from := f.String("from", "", "数据目录；服务须已停止，其中的内容不会改动")
	fromBlobs := f.String("from-blobs", "", "原服务的照片库地址；不填则照片在数据目录中")
	to := f.String("to", "", "空的文档库，例如 sqlite:///srv/paicha")
	blobs := f.String("blobs", "", "照片库，例如 file:///srv/paicha/photos；目标是 sqlite 时可省略")
	if code, ok := parsed(f, args, stderr); !ok {
		return code
	}
	documents, album := addresses(*to, *blobs)
	if *from == "" || documents == "" || album == "" {
		f.Usage()
		return 2
	}
	s, err := move(ctx, *from, *fromBlobs, documents, album, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "可以用同样的命令再执行一次，从停下的地方继续。")
		return failed("迁移", err, stderr)
	}
	summary(stdout, "迁移", s)
	fmt.Fprintln(stdout, "令牌密钥没有迁移：请用 --token-key-file 把原来的 token.key 交给每个节点（各节点的密钥必须相同）")
	fmt.Fprintln(stdout, "请不要再启动原来的数据目录；确认新服务正常之后，把它作为备份保存")
	return 0
}

func move(ctx context.Context, from, fromBlobs, documents, album string, stderr io.Writer) (_ backup.Summary, err error) {
	t, done, err := target(ctx, documents, album, stderr) // first: an address that is wrong costs nothing
	if err != nil {
		return backup.Summary{}, err
	}
	defer func() { err = errors.Join(err, done()) }()
	src, leave, err := fromFolder(ctx, from, fromBlobs)
	if err != nil {
		return backup.Summary{}, err
	}
	defer leave()
	return backup.Move(ctx, src, t)
}
