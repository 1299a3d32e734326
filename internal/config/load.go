package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Load reads args (without the program and subcommand) and environ ("KEY=value", as os.Environ gives), checks
// everything and returns a valid Config, or every problem joined in one error. flag.ErrHelp is returned after the
// usage was written to out because -h asked for it.
func Load(args, environ []string, out io.Writer) (Config, error) {
	var c Config
	var problems []error
	all := settings()
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, "PAICHA_") && !strings.HasPrefix(k, "PAICHA_TEST_") {
			env[k] = v
		}
	}
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	given := map[string]string{}
	for _, s := range all {
		keep := func(v string) error {
			given[s.flag] = v
			return nil
		}
		if s.boolean {
			fs.BoolFunc(s.flag, s.usage, keep)
		} else {
			fs.Func(s.flag, s.usage, keep)
		}
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		usage(out, all)
		return Config{}, flag.ErrHelp
	case err != nil:
		problems = append(problems, fmt.Errorf("命令行参数有误（bad command line）：%w", err))
	case fs.NArg() > 0:
		problems = append(problems, fmt.Errorf("多余的参数 %q（unexpected argument）", fs.Arg(0)))
	}
	for _, s := range all {
		v := s.def
		if e, ok := env[s.env()]; ok {
			v = e
		}
		if g, ok := given[s.flag]; ok {
			v = g
		}
		delete(env, s.env())
		if err := s.set(&c, v); err != nil {
			problems = append(problems, fmt.Errorf("配置项 --%s（环境变量 %s）的值 %q 无效：%w", s.flag, s.env(), v, err))
		}
	}
	for k := range env {
		problems = append(problems, fmt.Errorf("环境变量 %s 不是已知的配置项（unknown setting）", k))
	}
	problems = append(problems, together(c)...)
	if len(problems) > 0 {
		return Config{}, errors.Join(problems...)
	}
	return c, nil
}

// together checks what only shows when settings are seen side by side.
func together(c Config) []error {
	var out []error
	if c.Limits.ChunkBytes > c.Limits.PhotoBytes && c.Limits.PhotoBytes > 0 {
		out = append(out, errors.New("--chunk-bytes（PAICHA_CHUNK_BYTES）不能大于 --photo-bytes（PAICHA_PHOTO_BYTES）（chunk larger than photo）"))
	}
	if c.BackupDir != "" && within(c.Data, c.BackupDir) {
		out = append(out, errors.New("--backup-dir（PAICHA_BACKUP_DIR）不能在 --data（PAICHA_DATA）之内：数据目录丢失时备份会一起丢失（backup inside the data folder）"))
	}
	return out
}

// within reports whether path is dir or lies in it.
func within(dir, path string) bool {
	a, aerr := filepath.Abs(dir)
	b, berr := filepath.Abs(path)
	if aerr != nil || berr != nil {
		return false
	}
	rel, err := filepath.Rel(a, b)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// usage prints every setting with its variable and default.
func usage(out io.Writer, all []setting) {
	fmt.Fprintln(out, "用法：paicha serve [选项]")
	for _, s := range all {
		line := fmt.Sprintf("  --%-24s %s（%s", s.flag, s.usage, s.env())
		if s.def != "" {
			line += "，默认 " + s.def
		}
		fmt.Fprintln(out, line+"）")
	}
}
