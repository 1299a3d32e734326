package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"paicha/internal/backup"
	"paicha/internal/store"
)

// restore is "paicha restore": a backup into an empty folder or elsewhere, or a new epoch for data that was put back by
// other means.
func restore(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("restore", "paicha restore --from 备份目录 --data 空的数据目录，或 --to 文档库地址 --blobs 照片库地址", stderr)
	from := f.String("from", "", "备份目录（用其中最新的一份），或其中某一份的目录")
	data := f.String("data", "", "数据目录；须不存在、为空，或是这份备份上次没有恢复完的")
	to := f.String("to", "", "文档库地址，例如 sqlite:///srv/paicha；代替 --data")
	blobs := f.String("blobs", "", "照片库地址，例如 file:///srv/paicha/photos")
	inPlace := f.Bool("new-epoch", false, "不恢复备份，只为用其他方式（磁盘快照、拷贝目录、数据库工具）放回的数据开始新纪元")
	if code, ok := parsed(f, args, stderr); !ok {
		return code
	}
	if (*data == "") == (*to == "") || (*from == "") != *inPlace {
		f.Usage()
		return 2
	}
	documents, album := *to, *blobs
	if *data != "" {
		documents, album = embedded(*data)
	}
	documents, album = addresses(documents, album)
	if *inPlace {
		return newEpoch(ctx, documents, stdout, stderr)
	}
	b, err := backup.Open(*from)
	if err != nil {
		return failed("恢复", err, stderr)
	}
	fmt.Fprintf(stderr, "备份 %s：%s 开始，程序版本 %s，文档 %d 份，照片 %d 张\n",
		b.Dir, b.Begun.Local().Format("2006-01-02 15:04:05"), b.Program, b.Documents.Count, b.Photos.Count)
	key, err := keyFor(b, *data)
	if err != nil {
		return failed("恢复", err, stderr)
	}
	t, done, err := target(ctx, documents, album, stderr)
	if err != nil {
		return failed("恢复", err, stderr)
	}
	if *data != "" && key != nil {
		t.Ready = func() error { return writeKey(filepath.Join(*data, "token.key"), key) }
	}
	s, err := b.Restore(ctx, t)
	if err = errors.Join(err, done()); err != nil {
		return failed("恢复", err, stderr)
	}
	summary(stdout, "恢复", s)
	switch {
	case key == nil:
		fmt.Fprintln(stdout, "备份中没有令牌密钥，启动时会生成新的：平板凭刷新令牌自动续期，备份之后续期过的须重新登录；平板上的记录不受影响")
	case *data == "":
		fmt.Fprintf(stdout, "令牌密钥在 %s，请用 --token-key-file 交给每个节点\n", filepath.Join(b.Dir, b.Key.File.Name))
	}
	return 0
}

// keyFor returns the key that the backup holds, unless the folder has another one already.
func keyFor(b *backup.Backup, data string) ([]byte, error) {
	key, err := b.Token()
	if err != nil || key == nil || data == "" {
		return key, err
	}
	there, err := readKey("", data)
	if err == nil && there != nil && !bytes.Equal(there, key) {
		err = backup.ErrKeyThere
	}
	return key, err
}

// writeKey puts the key in place durably, readable by its owner only.
func writeKey(name string, key []byte) error {
	f, err := os.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return backup.ErrMedium.Because(err)
	}
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(name+".tmp", name)
	}
	if err == nil {
		var d *os.File
		if d, err = os.Open(filepath.Dir(name)); err == nil {
			err = errors.Join(d.Sync(), d.Close())
		}
	}
	if err != nil {
		return backup.ErrMedium.Because(err)
	}
	return nil
}

func newEpoch(ctx context.Context, documents string, stdout, stderr io.Writer) int {
	e, err := openEngine(ctx, documents, engineOptions{})
	if err != nil {
		return failed("开始新纪元", err, stderr)
	}
	b, err := store.BeginEpoch(ctx, e, storeOptions())
	if err = errors.Join(err, e.Close()); err != nil {
		return failed("开始新纪元", err, stderr)
	}
	fmt.Fprintf(stdout, "新纪元 %s：封存原有写入者 %d 个，重新编号文档 %d 份\n", b.Epoch, b.Sealed, b.Restamped)
	return 0
}
