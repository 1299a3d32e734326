package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"paicha/internal/config"
	"paicha/media"
	fieldsync "paicha/sync"
)

// retention is "paicha retention": it tells which originals would be erased under the periods given, and why, and
// changes nothing. It reads the documents of a stopped server, or of a shared store that may be in use.
func retention(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("retention", "paicha retention --data 数据目录 [--keep-general 10y] [--keep-major 30y]", stderr)
	data := f.String("data", "", "数据目录；服务须已停止")
	at := f.String("store", "", "文档库地址，代替 --data，例如 mongodb://主机/库名（服务可以在运行）")
	general := f.String("keep-general", "0", "一般案卷的保管期限，例如 10y 或 3700d；0 表示一直保留")
	major := f.String("keep-major", "0", "重大案卷的保管期限")
	if code, ok := parsed(f, args, stderr); !ok {
		return code
	}
	if (*data == "") == (*at == "") {
		f.Usage()
		return 2
	}
	c, err := config.Load([]string{"--keep-general", *general, "--keep-major", *major}, nil, stderr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	documents := *at
	if documents == "" {
		documents, _ = embedded(*data)
	}
	e, err := openEngine(ctx, documents, engineOptions{ReadOnly: true})
	if err != nil {
		return failed("查询", err, stderr)
	}
	defer func() { _ = e.Close() }() // it was only read
	docs := atRest{e}
	keeper := newKeeper(c, docs, "", media.NewLedger(docs, nil, time.Now), nil)
	over, bytes := 0, int64(0)
	census, err := keeper.Survey(ctx, func(d fieldsync.Due) error {
		over++
		bytes += d.Size
		_, err := fmt.Fprintf(stdout, "  %s %d字节（记录 %s）%s：%s办结，%s期满\n", d.SHA256, d.Size, d.Subject, keptAs[d.Class], day(d.Closed), day(d.End))
		return err
	})
	if err != nil {
		return failed("查询", err, stderr)
	}
	fmt.Fprintf(stdout, "保管期限已满的照片 %d 张，%d 字节；服务在夜间标记，七天后销毁原件，期间可以保全。未作任何改动。\n", over, bytes)
	for _, class := range []media.Class{media.ClassOpen, media.ClassHeld, media.ClassMajor, media.ClassGeneral} {
		n := census[class]
		fmt.Fprintf(stdout, "%s：记录 %d 份，照片 %d 张，%d 字节\n", keptAs[class], n.Documents, n.Photos, n.Bytes)
	}
	return 0
}

var keptAs = map[media.Class]string{
	media.ClassOpen: "未办结", media.ClassHeld: "保全中", media.ClassMajor: "重大案卷", media.ClassGeneral: "一般案卷",
}

func day(t time.Time) string { return t.In(china).Format("2006年1月2日") }
