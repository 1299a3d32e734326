package config_test

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paicha/internal/config"
)

func load(args, env []string) (config.Config, error) {
	return config.Load(args, env, &bytes.Buffer{})
}

func TestDefaultsAreValid(t *testing.T) {
	c, err := load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || c.Limits.PushBytes != 8<<20 || c.Limits.PushMutations != 500 || c.ArchiveDays != 90 || c.BeyondLoopback() {
		t.Errorf("got %+v", c)
	}
}

func TestFlagWinsOverVariable(t *testing.T) {
	c, err := load([]string{"--demo", "--listen", "0.0.0.0:0", "-log-level=warn"}, []string{"PAICHA_LISTEN=127.0.0.1:1", "PAICHA_DATA=/x", "PAICHA_TEST_MONGO_URI=x", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "0.0.0.0:0" || c.Data != "/x" || !c.Demo || c.LogLevel != slog.LevelWarn || !c.BeyondLoopback() {
		t.Errorf("got %+v", c)
	}
}

func TestBadSettingsNameTheirKeys(t *testing.T) {
	cases := map[string]struct {
		args, env []string
		want      string
	}{
		"NoPort":         {[]string{"--listen", "here"}, nil, "PAICHA_LISTEN"},
		"PortTooLarge":   {[]string{"--listen", ":70000"}, nil, "PAICHA_LISTEN"},
		"EmptyData":      {nil, []string{"PAICHA_DATA="}, "--data"},
		"BadBool":        {nil, []string{"PAICHA_DEMO=perhaps"}, "PAICHA_DEMO"},
		"BadFormat":      {[]string{"--log-format=xml"}, nil, "PAICHA_LOG_FORMAT"},
		"Overflow":       {[]string{"--photo-bytes", "99999999999GiB"}, nil, "PAICHA_PHOTO_BYTES"},
		"Negative":       {[]string{"--push-mutations", "-1"}, nil, "PAICHA_PUSH_MUTATIONS"},
		"BadProxy":       {[]string{"--trusted-proxies", "10.0.0.1"}, nil, "PAICHA_TRUSTED_PROXIES"},
		"BadStore":       {nil, []string{"PAICHA_STORE=postgres://x"}, "PAICHA_STORE"},
		"BadBlobs":       {[]string{"--blobs", "ftp://x"}, nil, "PAICHA_BLOBS"},
		"MistypedEnv":    {nil, []string{"PAICHA_PUSH_BYTE=1"}, "PAICHA_PUSH_BYTE "},
		"UnknownFlag":    {[]string{"--nope"}, nil, "nope"},
		"StrayArgument":  {[]string{"now"}, nil, "now"},
		"BackupInData":   {[]string{"--data", "/srv/paicha", "--backup-dir", "/srv/paicha/backup"}, nil, "PAICHA_BACKUP_DIR"},
		"BackupTooOften": {[]string{"--backup-every", "1s"}, nil, "PAICHA_BACKUP_EVERY"},
		"KeepNone":       {[]string{"--backup-keep", "0"}, nil, "PAICHA_BACKUP_KEEP"},
		"ArchiveBefore":  {nil, []string{"PAICHA_ARCHIVE_DAYS=-1"}, "PAICHA_ARCHIVE_DAYS"},
		"KeepUnit":       {[]string{"--keep-general", "10"}, nil, "PAICHA_KEEP_GENERAL"},
		"KeepShort":      {[]string{"--keep-general", "2y"}, nil, "--keep-general"},
		"KeepShortDays":  {[]string{"--keep-major", "1095d"}, nil, "--keep-major"},
		"KeepVeryLong":   {[]string{"--keep-major", "300y"}, nil, "--keep-major"},
		"KeepNegative":   {nil, []string{"PAICHA_KEEP_GENERAL=-4y"}, "--keep-general"},
		"KeepMajorLess":  {[]string{"--keep-general", "10y", "--keep-major", "5y"}, nil, "--keep-major"},
		"KeepMajorOnly":  {[]string{"--keep-major", "30y"}, nil, "--keep-major"},
		"KeepLeapDays":   {[]string{"--keep-general", "4y", "--keep-major", "1460d"}, nil, "--keep-major"},
		"ArchiveUnit":    {[]string{"--archive-days", "90d"}, nil, "--archive-days"},
		"ChunkOverPhoto": {[]string{"--chunk-bytes", "64MiB"}, nil, "PAICHA_CHUNK_BYTES"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := load(c.args, c.env)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that names %s", err, c.want)
			}
			if got.Listen != "" {
				t.Error("a half-valid configuration was returned")
			}
		})
	}
}

// TestKeeping: a major case's originals are kept at least as long as any other's.
func TestKeeping(t *testing.T) {
	for _, c := range []struct {
		general, major string
		want           [2]config.Span
	}{
		{"0", "0", [2]config.Span{}},
		{"10y", "0", [2]config.Span{{Years: 10}, {}}},
		{"10y", "10y", [2]config.Span{{Years: 10}, {Years: 10}}},
		{"1096d", "4y", [2]config.Span{{Days: 1096}, {Years: 4}}},
		{"3y", "1098d", [2]config.Span{{Years: 3}, {Days: 1098}}},
	} {
		got, err := load([]string{"--keep-general", c.general}, []string{"PAICHA_KEEP_MAJOR=" + c.major})
		if err != nil || got.KeepGeneral != c.want[0] || got.KeepMajor != c.want[1] {
			t.Errorf("%s, %s: %+v %+v %v", c.general, c.major, got.KeepGeneral, got.KeepMajor, err)
		}
	}
}

func TestBackupBesideDataIsTaken(t *testing.T) {
	c, err := load([]string{"--data", "/srv/paicha", "--backup-dir", "/srv/paicha-backup", "--backup-every", "0", "--backup-keys"}, nil)
	if err != nil || c.BackupDir != "/srv/paicha-backup" || c.BackupEvery != 0 || c.BackupKeep != 7 || !c.BackupKeys {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	_, err := load([]string{"--listen", "x", "--uploads", "y"}, nil)
	if err == nil || !strings.Contains(err.Error(), "--listen") || !strings.Contains(err.Error(), "--uploads") {
		t.Errorf("got %v", err)
	}
}

func TestHelpPrintsEverySetting(t *testing.T) {
	var b bytes.Buffer
	_, err := config.Load([]string{"-h"}, nil, &b)
	if !errors.Is(err, flag.ErrHelp) || !strings.Contains(b.String(), "PAICHA_CHUNK_BYTES") {
		t.Errorf("got %v, %s", err, b.String())
	}
}

func TestFile(t *testing.T) {
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "paicha.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	name := write("# 县局服务器\nlisten: 0.0.0.0:443\ndata: /srv/paicha\npush-mutations: 200\n")
	c, err := load([]string{"--config", name, "--data", "/x"}, []string{"PAICHA_PUSH_MUTATIONS=300"})
	if err != nil || c.Listen != "0.0.0.0:443" || c.Data != "/x" || c.Limits.PushMutations != 300 {
		t.Errorf("%+v %v", c, err)
	}
	if c, err := load(nil, []string{"PAICHA_CONFIG=" + name}); err != nil || c.Data != "/srv/paicha" || c.Limits.PushMutations != 200 {
		t.Errorf("%+v %v", c, err)
	}
	for problem, c := range map[string]struct{ text, want string }{
		"UnknownKey": {"listn: x\n", "listn"},
		"BadValue":   {"push-mutations: many\n", "PAICHA_PUSH_MUTATIONS"},
		"List":       {"listen: [a, b]\n", "listen"},
		"Twice":      {"data: a\ndata: b\n", "data"},
		"NotYAML":    {"\x00", "--config"},
		"Huge":       {strings.Repeat("# 很长\n", 20000), "--config"},
	} {
		t.Run(problem, func(t *testing.T) {
			if _, err := load([]string{"--config", write(c.text)}, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that names %s", err, c.want)
			}
		})
	}
	if _, err := load([]string{"--config", "/nowhere/paicha.yaml"}, nil); err == nil || !strings.Contains(err.Error(), "/nowhere/paicha.yaml") {
		t.Error(err)
	}
}
