package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"paicha/inspection"
	"paicha/inspection/attest"
	fieldsync "paicha/sync"
	"paicha/sync/client"
)

// signing: all who answer for a record sign the same hash, the enterprise signs or refuses with a reason, and anybody
// verifies it offline.
func (s *story) signing(ctx context.Context) error {
	s.step("谁检查、谁签名、谁负责：同伴签同一份内容，企业签字或写明理由拒签，离线核对")
	if err := s.refusal(ctx); err != nil {
		return err
	}
	second, err := s.secondCheck(ctx)
	if err != nil {
		return err
	}
	return s.offlineCheck(ctx, s.id, second)
}

// refusal: the colleague signs the first record from the second tablet, and the enterprise refuses.
func (s *story) refusal(ctx context.Context) error {
	in, err := s.wang.inspection(s.id)
	if err != nil {
		return err
	}
	ok := len(in.Attestations) == 1 && len(in.Attestations[0].Differs) == 0 && !slices.Contains(in.Marks, inspection.MarkUnsigned)
	s.check(ok && slices.Equal(in.Attestations[0].Waiting, []inspection.UserID{"demo-inspector-2"}), "检查员甲提交时已签名，所签与服务器记录一致；还差检查员乙")
	if !ok {
		return fmt.Errorf("第一次检查没有签名内容")
	}
	if err := s.signs(ctx, s.li, s.id, "检查员乙在自己的平板上签名"); err != nil {
		return err
	}
	m, err := s.mine.Decline(s.id, "对1201回风巷的甲烷读数有异议，拒绝签字")
	if err != nil {
		return err
	}
	r, err := s.mine.settled(ctx, m)
	if err != nil {
		return err
	}
	s.verdict("企业代表拒签并写明理由", r, fieldsync.Applied, "")
	if r, err = s.rival.do(ctx, string(inspection.CmdSign), inspection.Kind, s.id, inspection.SignArgs{Hash: in.Attestations[0].Hash}); err != nil {
		return err
	}
	s.verdict("另一企业来签名", r, fieldsync.Rejected, fieldsync.ErrForbidden.Code)
	return nil
}

// signs has somebody sign what was pulled.
func (s *story) signs(ctx context.Context, p *person, id, what string) error {
	if _, err := p.Sync(ctx); err != nil {
		return err
	}
	queued, err := p.Sign(id)
	if err != nil {
		return err
	}
	for _, m := range queued {
		r, err := p.settled(ctx, m)
		if err != nil {
			return err
		}
		s.verdict(what, r, fieldsync.Applied, "")
	}
	return nil
}

// secondCheck is a routine check whose record the enterprise signs, on the glass and from its account; it is amended later.
func (s *story) secondCheck(ctx context.Context) (string, error) {
	id := newID().String()
	data, err := photo(uint64(time.Now().UnixNano())) //nolint:gosec // a seed
	if err != nil {
		return "", err
	}
	hash, err := s.li.AddPhoto(client.NewPhoto{Inspection: id, Name: "手写签名.jpg", Type: "image/jpeg"}, data)
	if err != nil {
		return "", err
	}
	if _, err := s.li.Save("inspection.save", fieldsync.DocRef{Kind: inspection.Kind, ID: id}, inspection.SaveArgs{
		Header: &inspection.Header{
			Unit: inspection.Unit{ID: demoMine, Name: "示范煤矿一号", HighRisk: true}, Region: demoRegion, Sectors: []inspection.Sector{"coal-mine"},
			Mode: inspection.Routine, Pack: inspection.PackRef{ID: s.pack, Hash: s.hash}, StartedAt: time.Now(),
		},
		Answers: []inspection.Answer{{Item: "license.layer", Result: inspection.Conform}},
		Photos:  []inspection.Photo{{SHA256: mustHash(hash), CapturedAt: time.Now(), Type: "image/jpeg", Caption: "企业代表手写签名"}},
	}); err != nil {
		return "", err
	}
	m, err := s.li.Submit(id, inspection.SubmitArgs{At: time.Now()}, &inspection.Representative{
		Name: "张某", Title: "矿长", Signed: &attest.Handwriting{Image: mustHash(hash)},
	})
	if err != nil {
		return "", err
	}
	r, err := s.li.settled(ctx, m)
	if err != nil {
		return "", err
	}
	s.verdict("检查员乙另做一次日常检查，附企业代表手写签名，签名提交", r, fieldsync.Applied, "")
	if err := s.signs(ctx, s.mine, id, "企业代表用企业账号签名"); err != nil {
		return "", err
	}
	if _, err := s.li.Sync(ctx); err != nil {
		return "", err
	}
	if m, err = s.li.Amend(id, inspection.AmendArgs{
		SaveArgs: inspection.SaveArgs{Answers: []inspection.Answer{{Item: "build.extension-area", Result: inspection.Conform}}}, Reason: "漏记一项",
	}); err != nil {
		return "", err
	}
	if r, err = s.li.settled(ctx, m); err != nil {
		return "", err
	}
	s.verdict("检查员乙签名更正，接在所签内容之后", r, fieldsync.Applied, "")
	return id, nil
}

// offlineCheck takes the evidence files and photos out of the server and runs paicha verify on them.
func (s *story) offlineCheck(ctx context.Context, ids ...string) error {
	photos := filepath.Join(s.dir, "核对照片")
	if err := os.MkdirAll(photos, 0o700); err != nil {
		return err
	}
	args := []string{"--photos", photos}
	for i, id := range ids {
		at := "/api/v1/inspections/" + id
		file, err := s.mine.get(ctx, at+"/attestation")
		if err != nil {
			return err
		}
		f, err := attest.ReadFile(file.body)
		if err != nil {
			return fmt.Errorf("签名文件：%d %w", file.status, err)
		}
		for _, p := range f.Photos {
			r, err := s.mine.get(ctx, at+"/photos/"+p.SHA256.String())
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(photos, p.SHA256.String()+".jpg"), r.body, 0o600); err != nil {
				return err
			}
		}
		name := filepath.Join(s.dir, fmt.Sprintf("检查%d.json", i+1))
		if err := os.WriteFile(name, file.body, 0o600); err != nil {
			return err
		}
		args = append(args, name)
	}
	theirs, err := s.rival.get(ctx, "/api/v1/inspections/"+ids[0]+"/attestation")
	if err != nil {
		return err
	}
	s.check(theirs.status == http.StatusNotFound, "签名文件：本企业可以取走，另一企业 %d", theirs.status)
	var out bytes.Buffer
	code := verify(ctx, args, &out, &out)
	for line := range strings.Lines(strings.ReplaceAll(out.String(), s.dir+string(filepath.Separator), "")) {
		s.say("    %s", strings.TrimRight(line, "\n"))
	}
	s.check(code == 0, "paicha verify 不连服务器，核对两次检查的签名、拒签、更正链和照片：全部通过")
	forged, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	forged = bytes.Replace(forged, []byte(`\"number\":1.2`), []byte(`\"number\":0.2`), 1)
	if err := os.WriteFile(args[2], forged, 0o600); err != nil {
		return err
	}
	out.Reset()
	code = verify(ctx, args[2:3], &out, &out)
	s.check(code == 1 && strings.Contains(out.String(), "指纹"), "把甲烷读数 1.2 改成 0.2 再核对 → 不通过")
	return nil
}
