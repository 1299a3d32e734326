package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"paicha/internal/bundle"
	"paicha/internal/fault"
)

// verifyBundle checks an evidence bundle by itself, and by the log's verifier key if there is one.
func verifyBundle(name, logKey string, v *verified) {
	f, err := os.Open(name)
	if err != nil {
		v.Error = fmt.Sprintf("读不出来：%v", err)
		return
	}
	info, err := f.Stat()
	var r bundle.Report
	if err == nil {
		r, err = bundle.VerifyWith(f, info.Size(), logKey)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		v.Error = fault.Of(err).Message
		return
	}
	v.Bundle = &r
}

func tellBundle(w io.Writer, v verified) {
	r := v.Bundle
	fmt.Fprintf(w, "%s：证据包，%s %s\n", v.File, map[string]string{"inspection": "检查", "hazard": "隐患"}[r.Kind], r.ID)
	for _, f := range r.Facts {
		fmt.Fprintf(w, "  %s %s\n", stateMarks[f.State], f.Text)
	}
	if r.Signatures != nil {
		for _, f := range r.Signatures.Facts {
			fmt.Fprintf(w, "  %s %s\n", stateMarks[f.State], f.Text)
		}
	}
	switch {
	case r.Verified:
		fmt.Fprintln(w, "结论：证据包完整，签名核对通过 ✓")
	case r.Whole && r.Signatures == nil:
		fmt.Fprintln(w, "结论：证据包完整，但没有电子签名，不能证明内容出自何人 ⚠")
	default:
		fmt.Fprintln(w, "结论：核对不通过 ✗")
	}
	fmt.Fprintln(w, "说明："+caveat(r))
}

// caveat says what the outcome does not prove.
func caveat(r *bundle.Report) string {
	const devices = "电子签名只覆盖所签内容和其中的照片；"
	switch {
	case r.Log != nil && r.Log.Pinned && r.Whole:
		return devices + "清单和履历由服务器的日志密钥证明，自入日志和导出以来没有改动；尚未入日志的履历除外。"
	case r.Manifest.Key == "":
		return devices + "清单本身没有签名，只证明证据包完整、前后一致。"
	}
	return devices + "清单的签名只在用 --log-key 指定主管部门公布的日志公钥时，才证明证据包出自该服务器。"
}
