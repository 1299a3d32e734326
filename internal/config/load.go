package config

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
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
	file := map[string]string{}
	if name := cmp.Or(given[fileFlag], env[fileEnv]); name != "" {
		var err error
		if file, err = readFile(name); err != nil {
			problems = append(problems, err)
		}
	}
	for _, s := range all {
		v := s.def
		if f, ok := file[s.flag]; ok && s.flag != fileFlag {
			v = f
			delete(file, s.flag)
		}
		if e, ok := env[s.env()]; ok {
			v = e
		}
		if g, ok := given[s.flag]; ok {
			v = g
		}
		delete(env, s.env())
		if err := s.set(&c, v); err != nil {
			problems = append(problems, fmt.Errorf("配置项 --%s（环境变量 %s）的值 %q 无效：%w", s.flag, s.env(), s.shown(v), err))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(file)) {
		problems = append(problems, fmt.Errorf("配置文件中的 %s 不是已知的配置项（unknown setting）", k))
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

// The setting that names the file of the others.
const (
	fileFlag = "config"
	fileEnv  = "PAICHA_CONFIG"
	maxFile  = 1 << 16 // bytes
)

// readFile reads settings as YAML, one "name: value" each, by the names of the flags.
func readFile(name string) (map[string]string, error) {
	bad := func(err error) error {
		return fmt.Errorf("配置文件 %q（--%s，环境变量 %s）不能使用：%w", name, fileFlag, fileEnv, err)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, bad(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, bad(err)
	}
	if len(b) > maxFile {
		return nil, bad(errors.New("文件过大（too large）"))
	}
	nodes := map[string]yaml.Node{}
	if err := yaml.Unmarshal(b, &nodes); err != nil {
		return nil, bad(err)
	}
	out := make(map[string]string, len(nodes))
	for key, n := range nodes {
		if n.Kind != yaml.ScalarNode {
			return nil, bad(fmt.Errorf("%s 的值应为一个词或数（want a single value）", key))
		}
		out[key] = n.Value
	}
	return out, nil
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
	if err := keeping(c); err != nil {
		out = append(out, err)
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
