package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"paicha/inspection/attest"
	"paicha/internal/bundle"
	"paicha/internal/fault"
	"paicha/media"
)

const verifyUsage = "用法：paicha verify [--photos 照片目录] [--log-key 日志公钥] [--json] 签名文件.json 或 证据包.zip …"

// verified is one file's outcome as --json prints it.
type verified struct {
	File   string         `json:"file"`
	Error  string         `json:"error,omitempty"` // why the file cannot be read
	Report *attest.Report `json:"report,omitempty"`
	Bundle *bundle.Report `json:"bundle,omitempty"` // of an evidence bundle, which has its own photos
}

// holds reports whether the file proves what it claims.
func (v verified) holds() bool {
	return v.Bundle != nil && v.Bundle.Verified || v.Report != nil && v.Report.Verified
}

// verify is "paicha verify FILE…": it checks evidence files offline. It returns 0 only if every file holds in all that
// it claims.
func verify(_ context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	photos := flags.String("photos", "", "照片所在的目录：逐个计算指纹，与所签内容核对")
	logKey := flags.String("log-key", "", "审计日志的公钥（paicha log key 打印的一行），或 @ 和存放它的文件名：证据包的清单和日志须由它签名")
	machine := flags.Bool("json", false, "以 JSON 输出，供程序使用")
	flags.Usage = func() {
		fmt.Fprintln(stderr, verifyUsage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return 2
	}
	var album *attest.Album
	if *photos != "" {
		var err error
		if album, err = readAlbum(*photos); err != nil {
			fmt.Fprintf(stderr, "照片目录 %s 读不出来：%v\n", *photos, err)
			return 2
		}
	}
	pin, err := addressOf(*logKey)
	if err != nil {
		fmt.Fprintln(stderr, fault.Of(err).Message)
		return 2
	}
	all := []verified{}
	code := 0
	for _, name := range flags.Args() {
		v := verifyFile(name, album, pin)
		if !v.holds() {
			code = 1
		}
		all = append(all, v)
		if !*machine {
			tellVerified(stdout, v)
		}
	}
	if *machine {
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(all); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
	}
	return code
}

func verifyFile(name string, album *attest.Album, logKey string) verified {
	v := verified{File: name}
	if strings.EqualFold(filepath.Ext(name), ".zip") {
		verifyBundle(name, logKey, &v)
		return v
	}
	b, err := readSome(name, attest.MaxFile)
	if err != nil {
		v.Error = fmt.Sprintf("读不出来：%v", err)
		return v
	}
	f, err := attest.ReadFile(b)
	if err != nil {
		v.Error = fault.Of(err).Message
		return v
	}
	r := attest.Verify(f, album)
	v.Report = &r
	return v
}

// readSome reads a file that is not much larger than it may be: what is too large is found out without reading all of it.
func readSome(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	return b, errors.Join(err, f.Close())
}

var stateMarks = map[attest.State]string{attest.OK: "✓", attest.Failed: "✗", attest.Doubt: "⚠", attest.Told: "·"}

func tellVerified(w io.Writer, v verified) {
	if v.Bundle != nil {
		tellBundle(w, v)
		return
	}
	if v.Report == nil {
		fmt.Fprintf(w, "%s\n  ✗ %s\n结论：核对不通过 ✗\n", v.File, v.Error)
		return
	}
	fmt.Fprintf(w, "%s：检查 %s %s\n", v.File, v.Report.Inspection, v.Report.Unit)
	for _, f := range v.Report.Facts {
		fmt.Fprintf(w, "  %s %s\n", stateMarks[f.State], f.Text)
	}
	if v.Report.Verified {
		fmt.Fprintln(w, "结论：所签内容与签名核对通过 ✓")
	} else {
		fmt.Fprintln(w, "结论：核对不通过 ✗")
	}
	fmt.Fprintln(w, "说明：公钥登记在谁名下是服务器的登记，请用另一途径核对密钥指纹；设备时间与收到时间没有签名。")
}

// readAlbum hashes every file under a directory. A file whose name begins with a hash must have it.
func readAlbum(dir string) (*attest.Album, error) {
	a := attest.Album{Have: map[media.SHA256]bool{}}
	root, err := os.OpenRoot(dir) // a link out of the folder is not followed
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		h := media.SHA256(sum.Sum(nil))
		a.Have[h] = true
		stem, _, _ := strings.Cut(filepath.Base(name), ".")
		if said, err := media.ParseSHA256(stem); err == nil && said != h {
			a.Wrong = append(a.Wrong, name)
		}
		return nil
	})
	return &a, errors.Join(err, root.Close())
}
