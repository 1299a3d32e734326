package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"paicha/internal/directory"
	"paicha/sync/conformance"

	"gopkg.in/yaml.v3"
)

// demoAccounts are people of the demonstration data: two inspectors and a supervisor of one county, and a mine in it.
var demoAccounts = conformance.Accounts{
	Inspector:  conformance.Login{Login: "inspector1", Password: directory.DemoPassword},
	Colleague:  conformance.Login{Login: "inspector2", Password: directory.DemoPassword},
	Supervisor: conformance.Login{Login: "supervisor1", Password: directory.DemoPassword},
	Enterprise: conformance.Login{Login: "enterprise1", Password: directory.DemoPassword},
}

// conform is "paicha conformance --server URL": a strange tablet tries a server by docs/protocol.md, requirement by
// requirement. It returns 1 if any fails.
func conform(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	server := flags.String("server", "", "要检验的服务地址，例如 http://127.0.0.1:8080")
	file := flags.String("accounts", "", "账号文件（YAML：inspector、colleague、supervisor、enterprise，各有 login 和 password）；不填则用演示账号")
	asJSON := flags.Bool("json", false, "每行输出一个 JSON 对象")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *server == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "用法：paicha conformance --server http://127.0.0.1:8080 [--accounts 文件] [--json]；会留下几条检验用的检查记录")
		return 2
	}
	kit := conformance.Kit{
		Server: strings.TrimSuffix(*server, "/"), Accounts: demoAccounts, Now: time.Now,
		HTTP: &http.Client{Timeout: 2 * time.Minute}, NewID: func() string { return newID().String() },
	}
	if *file != "" {
		if err := readAccounts(*file, &kit.Accounts); err != nil {
			fmt.Fprintf(stderr, "账号文件不能用：%v\n", err)
			return 2
		}
	}
	counts := map[conformance.State]int{}
	err := kit.Run(ctx, func(l conformance.Line) {
		counts[l.State]++
		if *asJSON {
			_ = json.NewEncoder(stdout).Encode(l) // a broken pipe ends the command by itself
			return
		}
		note := ""
		if l.Note != "" {
			note = "  (" + l.Note + ")"
		}
		fmt.Fprintf(stdout, "%-4s %-9s %s%s\n", l.Rule, l.State, l.Title, note)
	})
	if err != nil {
		fmt.Fprintf(stderr, "检验没有完成：%v\n", err)
		return 1
	}
	if !*asJSON {
		fmt.Fprintf(stdout, "%d pass, %d fail, %d not seen\n", counts[conformance.Pass], counts[conformance.Fail], counts[conformance.NotSeen])
	}
	if counts[conformance.Fail] > 0 {
		return 1
	}
	return 0
}

// readAccounts reads who the kit acts as; all four are needed.
func readAccounts(path string, to *conformance.Accounts) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	*to = conformance.Accounts{}
	if err := yaml.Unmarshal(b, to); err != nil {
		return err
	}
	for _, l := range []conformance.Login{to.Inspector, to.Colleague, to.Supervisor, to.Enterprise} {
		if l.Login == "" || l.Password == "" {
			return errors.New("inspector、colleague、supervisor、enterprise 都要有 login 和 password")
		}
	}
	return nil
}
