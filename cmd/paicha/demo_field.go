package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
	"paicha/sync/client"
)

// What the story is about; the demonstration data has it.
const (
	demoRegion = "532504"
	demoMine   = "demo-coal-1"
	demoPlace  = "1201工作面回风巷"
)

// loginAndFirstPull: everybody logs in on a device with a key of its own and gets what their scope has.
func (s *story) loginAndFirstPull(ctx context.Context) (err error) {
	s.step("检查员甲登录，用设备密钥登记平板，问候服务器，首次同步")
	for _, p := range []struct {
		who         **person
		name, login string
	}{
		{&s.wang, "检查员甲", "inspector1"},
		{&s.li, "检查员乙", "inspector2"},
		{&s.chief, "弥勒市审核员", "supervisor1"},
		{&s.mine, "示范煤矿一号", "enterprise1"},
		{&s.rival, "另一企业（示范城镇燃气公司）", "enterprise2"},
	} {
		if *p.who, err = s.enter(ctx, p.name, p.login); err != nil {
			return err
		}
		if _, err := (*p.who).Sync(ctx); err != nil {
			return err
		}
	}
	h := s.wang.Hello()
	user, device := s.wang.Session()
	s.say("账号 %s，设备 %s，协议 %d，时钟相差 %d 毫秒", user, device, h.Protocol, h.SkewMillis)
	kinds, foreign := map[store.Kind]int{}, 0
	for _, d := range s.wang.Replica().Docs() {
		kinds[d.Kind]++
		var at struct {
			Region string `json:"region"`
		}
		if (d.Kind == inspection.KindHazard || d.Kind == directory.KindEnterprise) && json.Unmarshal(d.Body, &at) == nil && at.Region != demoRegion {
			foreign++
		}
		var p struct {
			Ref  string         `json:"ref"`
			Hash string         `json:"hash"`
			Pack checklist.Pack `json:"pack"`
		}
		if d.Kind == checklist.KindPack && strings.HasPrefix(d.ID, "coal-mine@") {
			if err := json.Unmarshal(d.Body, &p); err != nil {
				return err
			}
			s.pack, s.hash = p.Ref, p.Hash
		}
	}
	s.say("收到：检查清单 %d 份，企业 %d 家，隐患 %d 条", kinds[checklist.KindPack], kinds[directory.KindEnterprise], kinds[inspection.KindHazard])
	s.check(s.pack != "" && s.hash != "", "有煤矿检查清单 %s，指纹 %.19s…", s.pack, s.hash)
	s.check(foreign == 0, "没有其他地区的企业和隐患")
	_, ok := s.wang.Replica().Get(fieldsync.DocRef{Kind: directory.KindEnterprise, ID: demoMine})
	s.check(ok, "有辖区内的示范煤矿一号")
	return s.listen(ctx)
}

// offline: the inspector works underground, without a network.
func (s *story) offline(context.Context) error {
	s.step("井下没有信号：检查员甲做“四不两直”检查，测得甲烷 1.2%，拍三张照片")
	s.wang.line.set(func(l *line) { l.dead = true })
	s.li.line.set(func(l *line) { l.dead = true })
	began := time.Now().Add(-20 * time.Minute)
	site := &inspection.Place{Lat: 24.40, Lon: 103.40, System: inspection.WGS84, Accuracy: 12}
	far := &inspection.Place{Lat: 24.46, Lon: 103.40, System: inspection.WGS84, Accuracy: 12} // some 6 km to the north
	manifest := make([]inspection.Photo, 3)
	for i := range manifest {
		data, err := photo(uint64(time.Now().UnixNano()) + uint64(i)) //nolint:gosec // a seed
		if err != nil {
			return err
		}
		hash, err := s.wang.AddPhoto(client.NewPhoto{Inspection: s.id, Name: fmt.Sprintf("现场%d.jpg", i+1), Type: "image/jpeg"}, data)
		if err != nil {
			return err
		}
		s.photos, s.hashes = append(s.photos, data), append(s.hashes, hash)
		_, device := s.wang.Session()
		manifest[i] = inspection.Photo{
			SHA256: mustHash(hash), CapturedAt: began.Add(time.Duration(i) * time.Minute), Place: site,
			Device: inspection.DeviceID(device), Bytes: int64(len(data)), Type: "image/jpeg",
		}
	}
	manifest[2].Place = far
	methane := 1.2
	_, err := s.wang.Save("inspection.save", s.record(), inspection.SaveArgs{
		Header: &inspection.Header{
			Unit: inspection.Unit{ID: demoMine, Name: "示范煤矿一号", HighRisk: true}, Region: demoRegion, Sectors: []inspection.Sector{"coal-mine"},
			Mode: inspection.Unannounced, Pack: inspection.PackRef{ID: s.pack, Hash: s.hash}, StartedAt: began, Place: site,
		},
		Team:  []inspection.UserID{"demo-inspector-1", "demo-inspector-2"},
		Facts: []inspection.Fact{{Name: "mine-kind", Text: "井工"}},
		Answers: []inspection.Answer{
			{Item: "gas.methane-return", Instance: demoPlace, Number: &methane, Unit: "%", Photos: []inspection.Hash{manifest[0].SHA256}},
			{Item: "gas.return-work", Instance: demoPlace, Choice: "仍在作业"},
			{Item: "power.double-circuit", Result: inspection.Nonconform, Photos: []inspection.Hash{manifest[1].SHA256, manifest[2].SHA256}},
			{Item: "license.layer", Result: inspection.Conform},
			{Item: "build.extension-area", Result: inspection.Conform},
		},
		Findings: []inspection.Finding{{
			ID: inspection.FindingID(newID().String()), Class: inspection.General, Title: "巷道材料堆放不整齐", Explanation: "1201运输巷材料堆放占用人行道",
		}},
		Photos: manifest,
	})
	if err != nil {
		return err
	}
	_, err = s.wang.Sync(context.Background())
	s.check(errors.Is(err, client.ErrOffline), "没有信号时：%s", client.ErrOffline.Message)
	state, _ := s.wang.Outbox().State()
	s.check(state.Mutations == 1 && state.Photos == 3, "平板上等待上传：记录 %d 条，照片 %d 张，共 %d 字节", state.Mutations, state.Photos, state.Bytes)

	less := 0.8
	_, err = s.li.Save("inspection.save", s.record(), inspection.SaveArgs{Answers: []inspection.Answer{
		{Item: "gas.methane-return", Instance: demoPlace, Number: &less, Unit: "%"},
		{Item: "focus.hidden-causes", Result: inspection.Nonconform, Note: "未建立隐蔽致灾因素台账"},
	}})
	s.say("检查员乙同时离线补记同一次检查：另一项不符合，甲烷却记为 0.8%%")
	return err
}

func (s *story) record() fieldsync.DocRef {
	return fieldsync.DocRef{Kind: inspection.Kind, ID: s.id}
}

func mustHash(text string) inspection.Hash {
	h, err := media.ParseSHA256(text)
	if err != nil {
		panic("demo: " + err.Error()) // the tablet made it a moment ago
	}
	return h
}

// lostAnswer: the request arrives, the answer does not, and the same bytes go again.
func (s *story) lostAnswer(ctx context.Context) error {
	s.step("出井有了信号，上传到一半断线：服务器收到了，答复丢了；再传同样的内容")
	s.wang.line.set(func(l *line) { l.dead, l.lose = false, "/api/v1/sync/push" })
	before := s.wang.Outbox().Waiting()
	_, err := s.wang.Sync(ctx)
	s.check(errors.Is(err, client.ErrOffline) && len(s.wang.Outbox().Waiting()) == 1, "答复丢失，记录仍在平板上")
	first, err := s.wang.line.pushed(-1)
	if err != nil {
		return err
	}
	// The tablet's first photo breaks in its second piece, in the next step.
	s.wang.line.set(func(l *line) { l.dead, l.cut = false, 2 })
	_, err = s.wang.Sync(ctx)
	s.check(errors.Is(err, client.ErrOffline), "再传时记录有了答复，照片又断在半路（见下一步）")
	second, err := s.wang.line.pushed(-1)
	if err != nil {
		return err
	}
	s.check(len(first) == 1 && len(second) == 1 && bytes.Equal(first[0], second[0]), "两次上传逐字节相同（%d 字节）", len(second[0]))
	r, err := s.wang.verdict(before[0].ID)
	if err != nil {
		return err
	}
	s.verdict("记录", r, fieldsync.Duplicate, "")
	s.check(r.First == fieldsync.Applied && r.Rev == 1, "第一次的结果是 %s，版本 %d：只生效一次", r.First, r.Rev)
	return nil
}

// cutPhoto: what arrived of a photo stays, and the tablet goes on from there.
func (s *story) cutPhoto(ctx context.Context) error {
	s.step("照片断在半路：问服务器收到哪里，从那里续传；指纹不符的照片被拒收")
	s.wang.line.set(func(l *line) { l.dead = false })
	location, size, hash := "", int64(0), ""
	for _, p := range s.wang.Outbox().Photos() {
		if p.Location != "" && !p.Done {
			location, size, hash = p.Location, p.Size, p.SHA256
		}
	}
	at, err := s.wang.ask(ctx, http.MethodHead, location, nil, "Tus-Resumable", "1.0.0")
	if err != nil {
		return err
	}
	offset := at.header.Get("Upload-Offset")
	s.check(location != "" && offset != "" && offset != "0" && offset != fmt.Sprint(size), "服务器已收到 %s 字节，共 %d 字节", offset, size)
	sent := 0
	s.wang.line.set(func(l *line) { sent = len(l.patched) })
	r, err := s.wang.Sync(ctx)
	if err != nil {
		return err
	}
	resumed := 0
	s.wang.line.set(func(l *line) {
		for _, n := range l.patched[sent:] {
			resumed += n
		}
	})
	total := 0
	for i := range s.photos {
		total += len(s.photos[i])
		if s.hashes[i] == hash {
			total -= len(s.photos[i])
		}
	}
	s.check(r.Photos == 3 && fmt.Sprint(int(size)+total-resumed) == offset, "续传后三张到齐，已收到的 %s 字节没有重传", offset)
	if _, err := s.wang.Sync(ctx); err != nil { // asks which photos are missing
		return err
	}
	s.check(len(s.wang.Hello().MissingMedia) == 0, "服务器不再缺照片（missingMedia 为空）")
	if doc, ok := s.wang.Replica().Get(fieldsync.DocRef{Kind: fieldsync.KindEvidence, ID: s.id}); ok {
		e, err := media.ParseEvidence(doc.Body)
		if err != nil {
			return err
		}
		s.check(len(e.Wanted) == 3 && len(e.Arrived) == 3, "证据：记录引用 %d 张，已收到 %d 张", len(e.Wanted), len(e.Arrived))
	} else {
		s.check(false, "平板没有收到证据文件")
	}
	return s.forged(ctx)
}

// forged uploads bytes under the hash of other bytes.
func (s *story) forged(ctx context.Context) error {
	b64 := base64.StdEncoding.EncodeToString
	other, err := photo(uint64(time.Now().UnixNano())) //nolint:gosec // a seed
	if err != nil {
		return err
	}
	made, err := s.wang.ask(ctx, http.MethodPost, "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", fmt.Sprint(len(other)),
		"Upload-Metadata", "sha256 "+b64([]byte(strings.Repeat("0f", 32)))+",inspection "+b64([]byte(s.id)))
	if err != nil {
		return err
	}
	answer, err := s.wang.ask(ctx, http.MethodPatch, made.header.Get("Location"), other,
		"Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")
	if err != nil {
		return err
	}
	p := answer.problem()
	s.check(answer.status/100 == 4 && p.Code == media.ErrHashMismatch.Code, "指纹不符的照片 → %d %s：%s", answer.status, p.Code, p.Detail)
	return nil
}

// twoInspectors: the second one comes into signal, and both values of what they disagree about are kept.
func (s *story) twoInspectors(ctx context.Context) error {
	s.step("检查员乙出井：两人对同一测点记了不同的数，两份都保留")
	s.li.line.set(func(l *line) { l.dead = false })
	waiting := s.li.Outbox().Waiting()
	if _, err := s.li.Sync(ctx); err != nil {
		return err
	}
	r, err := s.li.verdict(waiting[0].ID)
	if err != nil {
		return err
	}
	s.verdict("乙的补记", r, fieldsync.Conflict, fieldsync.ErrConflict.Code)
	if _, err := s.wang.Sync(ctx); err != nil {
		return err
	}
	in, err := s.wang.inspection(s.id)
	if err != nil {
		return err
	}
	saves := 0
	for _, e := range in.History {
		if e.By == "demo-inspector-1" {
			saves++
		}
	}
	s.check(saves == 1, "记录的经过里，甲的保存只有一次")
	kept := len(in.Conflicts) == 1 && in.Conflicts[0].Stored.Answer != nil && in.Conflicts[0].Offered.Answer != nil
	if kept {
		c := in.Conflicts[0]
		kept = *c.Stored.Answer.Number == 1.2 && *c.Offered.Answer.Number == 0.8
	}
	s.check(kept, "甲烷：记录中 1.2%%（甲），另一值 0.8%%（乙），待人处理")
	s.check(slices.ContainsFunc(in.Answers, func(a inspection.Answer) bool { return a.Item == "focus.hidden-causes" }), "乙的另一项已并入记录")
	s.check(!slices.Contains(in.Marks, inspection.MarkPackHash) && !in.Unjudged, "检查清单的指纹与服务器一致，已判定")
	return nil
}

// inspection is a record as this tablet holds it.
func (p *person) inspection(id string) (inspection.Inspection, error) {
	d, ok := p.Replica().Get(fieldsync.DocRef{Kind: inspection.Kind, ID: id})
	if !ok {
		return inspection.Inspection{}, fmt.Errorf("%s没有这次检查的记录", p.name)
	}
	return inspection.Decode(d.Body, d.Restricted)
}
