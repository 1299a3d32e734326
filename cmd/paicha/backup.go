package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"paicha/internal/backup"
	"paicha/internal/store"
)

// takeBackup is "paicha backup": of a folder whose server is stopped, or only the verification of what is there.
func takeBackup(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("backup", "paicha backup --data 数据目录 [--blobs 照片库] --to 备份目录 [--with-keys] [--verify]，或 paicha backup --verify --to 备份目录", stderr)
	data := f.String("data", "", "数据目录；服务须已停止（运行中的服务用 serve --backup-dir 备份）")
	album := f.String("blobs", "", "照片库地址，与服务的 --blobs 相同；不填则照片在数据目录中")
	to := f.String("to", "", "备份目录；已有的备份保留，已有的照片不再复制")
	withKeys := f.Bool("with-keys", false, "包含令牌密钥：恢复后访问令牌继续有效，但备份须同样保密")
	keyFile := f.String("token-key-file", "", "令牌密钥文件，如果不在数据目录中")
	verify := f.Bool("verify", false, "重新读取并核对备份中的全部内容")
	if code, ok := parsed(f, args, stderr); !ok {
		return code
	}
	if *to == "" || *data == "" && !*verify {
		f.Usage()
		return 2
	}
	if *data != "" {
		b, err := backupFolder(ctx, *data, *album, *keyFile, backup.Options{
			Folder: *to, Program: version, Now: time.Now, WithKey: *withKeys, Report: ticker(stderr),
		})
		if errors.Is(err, store.ErrInUse) {
			fmt.Fprintln(stderr, "这个数据目录的服务正在运行。请在服务上设置 --backup-dir，它会定期备份；向它的进程发送 SIGUSR1（kill -USR1）则立即备份。")
			return 1
		}
		if err != nil {
			return failed("备份", err, stderr)
		}
		fmt.Fprintf(stdout, "备份完成：%s\n文档 %d 份：%s\n照片 %d 张，%d 字节，其中新复制 %d 张\n",
			b.Dir, b.Documents.Count, byKind(b.Documents.Kinds), b.Photos.Count, b.Photos.Bytes, b.Photos.New)
		tellAbsent(stdout, b.Photos.Absent)
	}
	if !*verify {
		return 0
	}
	b, err := backup.Open(*to)
	if err == nil {
		err = b.Verify(ctx, ticker(stderr))
	}
	if err != nil {
		return failed("核对", err, stderr)
	}
	fmt.Fprintf(stdout, "核对无误：%s，文档 %d 份，照片 %d 张\n", b.Dir, b.Documents.Count, b.Photos.Count)
	return 0
}

func backupFolder(ctx context.Context, data, album, keyFile string, o backup.Options) (*backup.Backup, error) {
	src, done, err := fromFolder(ctx, data, album)
	if err != nil {
		return nil, err
	}
	defer done()
	if o.Key, err = readKey(keyFile, data); err != nil {
		return nil, err
	}
	return backup.Take(ctx, src, o)
}
