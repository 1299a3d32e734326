package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"

	"paicha/checklist"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
)

// seed writes what every server has, the tree of regions and sectors and the published checklists, and with --demo the
// demonstration prefecture. What is there already stays as it is.
func (s *server) seed(ctx context.Context, accounts *auth.Service) error {
	docs, err := directory.TreeDocs()
	if err != nil {
		return err
	}
	embedded, err := checklist.EmbeddedCatalogue()
	if err != nil {
		return err
	}
	if err := s.shelf.Seed(ctx, embedded); err != nil {
		return err
	}
	if s.config.Demo {
		data, err := directory.Demo()
		if err != nil {
			return err
		}
		more, err := data.Docs()
		if err != nil {
			return err
		}
		docs = append(docs, more...)
		if docs, err = s.withPasswords(ctx, accounts, data, docs); err != nil {
			return err
		}
	}
	return s.insert(ctx, docs)
}

// withPasswords adds the credentials of users who are not there yet.
func (s *server) withPasswords(ctx context.Context, accounts *auth.Service, data directory.DemoData, docs []store.Doc) ([]store.Doc, error) {
	for _, u := range data.Users {
		found, err := s.store.Get(ctx, store.Ref{Kind: directory.KindUser, ID: string(u.ID)})
		if err != nil {
			return nil, err
		}
		if found[0].Rev > 0 {
			continue
		}
		d, err := accounts.CredentialDoc(ctx, u.ID, directory.DemoPassword)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// insert writes the documents that are not there; others were changed by people and are left alone.
func (s *server) insert(ctx context.Context, docs []store.Doc) error {
	for part := range slices.Chunk(docs, 200) {
		refs := make([]store.Ref, len(part))
		for i, d := range part {
			refs[i] = d.Ref
		}
		there, err := s.store.Get(ctx, refs...)
		if err != nil {
			return err
		}
		var ws []store.Write
		for i, d := range part {
			if there[i].Rev == 0 {
				ws = append(ws, store.Write{New: d})
			}
		}
		if _, err := s.store.Commit(ctx, ws); err != nil {
			return err
		}
	}
	return nil
}

// greet says where the server is and, in a demonstration, who can log in.
func (s *server) greet(out io.Writer, at net.Addr) {
	fmt.Fprintf(out, "排查 Paicha %s 已启动：http://%s\n", version, at)
	if !s.config.Demo {
		return
	}
	if s.config.BeyondLoopback() {
		fmt.Fprintln(out, "警告：演示账号的密码是公开的，不要在可被他人访问的地址上使用 --demo。")
	}
	data, err := directory.Demo()
	if err != nil {
		return
	}
	names := map[directory.EnterpriseID]string{}
	for _, e := range data.Enterprises {
		names[e.ID] = e.Name
	}
	fmt.Fprintf(out, "演示账号（密码都是 %s）：\n", directory.DemoPassword)
	for _, u := range data.Users {
		what := names[u.Enterprise]
		for _, g := range u.Grants {
			if what != "" {
				what += "，"
			}
			what += string(g.Token)
		}
		fmt.Fprintf(out, "  %-14s %-10s %v %s\n", u.Login, u.Name, u.Roles, what)
	}
	fmt.Fprintf(out, "完整演示一遍：paicha demo --server http://%s\n", at)
}
