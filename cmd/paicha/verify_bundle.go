package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"paicha/internal/bundle"
	"paicha/internal/fault"
)

// verifyBundle checks an evidence bundle by itself.
func verifyBundle(name string, v *verified) {
	f, err := os.Open(name)
	if err != nil {
		v.Error = fmt.Sprintf("读不出来：%v", err)
		return
	}
	info, err := f.Stat()
	var r bundle.Report
	if err == nil {
		r, err = bundle.Verify(f, info.Size())
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
	fmt.Fprintln(w, "说明：签名只覆盖所签内容和其中的照片；清单本身没有签名，只证明证据包完整、前后一致。")
}
