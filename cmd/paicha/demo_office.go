package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg" // the supervisor looks at pictures
	"net/http"
	"slices"
	"strings"
	"time"

	"paicha/inspection"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/go-json-experiment/json/jsontext"
)

// submit: the signature ends the field work, and the server flags.
func (s *story) submit(ctx context.Context) error {
	s.step("检查员甲签名提交：服务器按判定标准标出疑似重大隐患")
	s.li.line.set(func(l *line) { l.dead = true })
	late, err := s.li.Save("inspection.save", s.record(), inspection.SaveArgs{Answers: []inspection.Answer{
		{Item: "focus.standardisation", Result: inspection.Nonconform, Note: "提交之后才传上来的补充"},
	}})
	if err != nil {
		return err
	}
	m, err := s.wang.Submit(s.id, inspection.SubmitArgs{
		At: time.Now(), Opinion: "立即停止1201工作面作业，撤出人员",
		Signatures: []inspection.Signature{{Name: "检查员甲", Role: inspection.RoleInspector, User: "demo-inspector-1", At: time.Now()}},
	}, nil)
	if err != nil {
		return err
	}
	r, err := s.wang.settled(ctx, m)
	if err != nil {
		return err
	}
	s.verdict("签名提交", r, fieldsync.Applied, "")
	hazards, err := s.wang.hazards(s.id)
	if err != nil {
		return err
	}
	for _, want := range []struct {
		rule           inspection.RuleID
		clause, saying string
		caveat         bool
	}{
		{"gas.methane-return", "第五条(二)", "1.2", true},
		{"power.double-circuit", "第十四条(一)", "", false},
	} {
		h := hazards[want.rule]
		s.tell(h)
		cited := slices.ContainsFunc(h.Citations, func(c inspection.Citation) bool {
			return c.Standard == "coal-mine-2020" && c.Clause == want.clause
		})
		s.check(cited && h.Class == inspection.Major && h.Suspected && h.Status == inspection.Reported,
			"%s：疑似重大隐患，依据 coal-mine-2020 %s", want.rule, want.clause)
		s.check(strings.Contains(h.Explanation, want.saying) && (h.Caveat != "") == want.caveat, "说明写明所测的值，限值来源的提示%s", map[bool]string{true: "：" + h.Caveat, false: "不需要"}[want.caveat])
	}
	s.major = hazards["gas.methane-return"]
	for rule, class := range map[inspection.RuleID]inspection.Class{"": inspection.General, "focus.hidden-causes": inspection.KeyCase} {
		h, ok := hazards[rule]
		if rule != "" && !ok { // rules of items are named after them, with what they look at
			for name, x := range hazards {
				if strings.HasPrefix(string(name), string(rule)) {
					h = x
				}
			}
		}
		s.tell(h)
		s.check(h.Class == class, "另有%s一条", classNames[class])
	}
	s.li.line.set(func(l *line) { l.dead = false })
	if _, err := s.li.Sync(ctx); err != nil {
		return err
	}
	if r, err = s.li.verdict(late); err != nil {
		return err
	}
	s.verdict("检查员乙迟到的补充", r, fieldsync.Conflict, fieldsync.ErrProposal.Code)
	if _, err := s.wang.Sync(ctx); err != nil {
		return err
	}
	in, err := s.wang.inspection(s.id)
	s.check(err == nil && len(in.Proposals) == 1 && in.Proposals[0].By == "demo-inspector-2", "作为建议保留在记录上，已签名的内容不变")
	return nil
}

var classNames = map[inspection.Class]string{inspection.Major: "重大隐患", inspection.KeyCase: "重点问题", inspection.General: "一般隐患"}

// tell shows a hazard and what it rests on.
func (s *story) tell(h inspection.Hazard) {
	doubt := ""
	if h.Suspected {
		doubt = "疑似"
	}
	s.say("【%s%s】%s %s", doubt, classNames[h.Class], h.Title, h.Explanation)
	for _, c := range h.Citations {
		verified := "条文已核对"
		if !c.Verified {
			verified = "条文未核对"
		}
		s.say("    依据 %s %s（%s）%s", c.Standard, c.Clause, verified, c.Title)
	}
}

// review: the supervisor looks at the evidence and confirms the hazard.
func (s *story) review(ctx context.Context) error {
	s.step("审核员查看照片和疑点，复核，确认隐患")
	if _, err := s.chief.Sync(ctx); err != nil {
		return err
	}
	at := "/api/v1/inspections/" + s.id + "/photos/" + s.hashes[0]
	for _, size := range []media.SizeName{media.Thumb, media.Preview} {
		r, err := s.patient(ctx, s.chief, at+"/"+string(size))
		if err != nil {
			return err
		}
		c, format, err := image.DecodeConfig(bytes.NewReader(r.body))
		s.check(r.status == http.StatusOK && err == nil && c.Width <= 960, "%s：%s %d×%d，%d 字节", size, format, c.Width, c.Height, len(r.body))
	}
	r, err := s.chief.get(ctx, at)
	if err != nil {
		return err
	}
	s.check(r.status == http.StatusOK && bytes.Equal(r.body, s.photos[0]), "原图与平板上的逐字节相同（%d 字节）", len(r.body))
	doc, _ := s.chief.Replica().Get(fieldsync.DocRef{Kind: fieldsync.KindEvidence, ID: s.id})
	var notes struct {
		Marks map[string][]media.Mark `json:"marks"`
	}
	if err := json.Unmarshal(doc.Restricted, &notes); err != nil {
		return fmt.Errorf("审核员没有收到疑点：%w", err)
	}
	away := false
	for i, h := range s.hashes {
		for _, m := range notes.Marks[h] {
			s.say("照片%d 疑点 %s：%s", i+1, m.Code, m.Text)
			away = away || i == 2 && m.Code == media.FarAway
		}
	}
	s.check(away, "第三张照片的位置远离检查地点，已标出（只有审核员看得到）")
	v, err := s.chief.do(ctx, "evidence.review", fieldsync.KindEvidence, s.id, map[string]string{
		"sha256": s.hashes[0], "verdict": "ok", "remark": "读数清楚",
	})
	if err != nil {
		return err
	}
	s.verdict("照片复核", v, fieldsync.Applied, "")
	if err := s.act(ctx, s.chief, "hazard.confirm", inspection.ConfirmArgs{Note: "现场照片与监测曲线一致"}, fieldsync.Applied, ""); err != nil {
		return err
	}
	if err := s.act(ctx, s.chief, "hazard.accept", inspection.AcceptArgs{}, fieldsync.Rejected, inspection.ErrNoMove.Code); err != nil {
		return err
	}
	h, err := s.chief.hazards(s.id)
	s.check(err == nil && !h["gas.methane-return"].Suspected && h["gas.methane-return"].Status == inspection.Confirmed, "隐患不再是“疑似”")
	return err
}

// act does a command on the major hazard and checks the verdict.
func (s *story) act(ctx context.Context, p *person, name string, args any, want fieldsync.Status, code string) error {
	r, err := p.do(ctx, name, inspection.KindHazard, string(s.major.ID), args)
	if err != nil {
		return err
	}
	s.verdict(p.name+" "+name, r, want, code)
	return nil
}

// patient asks again while a picture is being made.
func (s *story) patient(ctx context.Context, p *person, path string) (reply, error) {
	for {
		r, err := p.get(ctx, path)
		if err != nil || r.problem().Code != media.ErrNotReady.Code {
			return r, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

// closedLoop: the enterprise plans and rectifies, the supervisor sends it back once and then accepts.
func (s *story) closedLoop(ctx context.Context) error {
	s.step("企业看到自己的隐患（只有自己的），落实“五落实”，整改，退回，再整改，验收销号")
	if err := s.silence.mine.wait(ctx, 2); err != nil {
		return err
	}
	s.say("提交之后，企业的实时通道有了提示")
	for _, p := range []*person{s.mine, s.rival} {
		if _, err := p.Sync(ctx); err != nil {
			return err
		}
	}
	if err := s.ownOnly(ctx); err != nil {
		return err
	}
	funds := int64(5_000_000) // fen
	plan := inspection.Fixings{Responsible: "张某", Measures: "调整通风系统，增加风量", Funds: &funds, Deadline: time.Now().AddDate(0, 0, 15)}
	if err := s.act(ctx, s.mine, "hazard.plan", inspection.PlanArgs{Fixings: plan}, fieldsync.Rejected, inspection.ErrFixings.Code); err != nil {
		return err
	}
	plan.Plan = "瓦斯超限立即断电撤人"
	if err := s.act(ctx, s.mine, "hazard.plan", inspection.PlanArgs{Fixings: plan}, fieldsync.Applied, ""); err != nil {
		return err
	}
	after, err := photo(uint64(time.Now().UnixNano())) //nolint:gosec // a seed
	if err != nil {
		return err
	}
	hash, err := s.mine.AddPhoto(client.NewPhoto{Inspection: string(s.major.ID), Name: "整改后.jpg", Type: "image/jpeg"}, after)
	if err != nil {
		return err
	}
	for _, move := range []struct {
		by   *person
		name string
		args any
		want fieldsync.Status
		code string
	}{
		{s.mine, "hazard.rectify", inspection.RectifyArgs{Note: "已调整风量，附整改后照片", After: []inspection.Hash{mustHash(hash)}}, fieldsync.Applied, ""},
		{s.mine, "hazard.accept", inspection.AcceptArgs{Note: "好了"}, fieldsync.Rejected, fieldsync.ErrForbidden.Code},
		{s.chief, "hazard.reject", inspection.RejectArgs{Reason: "没有测定记录"}, fieldsync.Applied, ""},
		{s.mine, "hazard.rectify", inspection.RectifyArgs{Note: "补充测定记录：甲烷0.4%"}, fieldsync.Applied, ""},
		{s.chief, "hazard.accept", inspection.AcceptArgs{Note: "现场复查合格"}, fieldsync.Applied, ""},
	} {
		if err := s.act(ctx, move.by, move.name, move.args, move.want, move.code); err != nil {
			return err
		}
	}
	r, err := s.chief.get(ctx, "/api/v1/inspections/"+string(s.major.ID)+"/photos/"+hash)
	if err != nil {
		return err
	}
	s.check(bytes.Equal(r.body, after), "审核员看到整改后的照片")
	hazards, err := s.chief.hazards(s.id)
	if err != nil {
		return err
	}
	h := hazards["gas.methane-return"]
	s.check(h.Status == inspection.Accepted && len(h.Rectifies) == 2, "隐患现在是“%s”，经过：", inspection.Label(h.Status))
	for _, e := range h.History {
		s.say("%s %s %s %s→%s %s", e.At.Local().Format("15:04:05"), e.By, e.Command, inspection.Label(e.From), inspection.Label(e.To), e.Note)
	}
	return nil
}

// ownOnly: each enterprise sees its own and nothing else, and nothing that is for supervisors.
func (s *story) ownOnly(ctx context.Context) error {
	own, foreign, restricted := 0, 0, 0
	for _, d := range s.mine.Replica().Docs() {
		if len(d.Restricted) > 0 {
			restricted++
		}
		if d.Kind != inspection.KindHazard {
			continue
		}
		h, err := inspection.DecodeHazard(d.Body, nil)
		if err != nil {
			return err
		}
		if h.Unit.ID != demoMine {
			foreign++
		} else if string(h.Inspection) == s.id {
			own++
		}
	}
	s.check(own >= 4 && foreign == 0, "企业同步到本次隐患 %d 条，别家的 %d 条", own, foreign)
	s.check(restricted == 0, "没有审核员的内部内容")
	list, err := s.mine.get(ctx, "/api/v1/hazards?limit=100")
	if err != nil {
		return err
	}
	s.check(strings.Contains(string(list.body), string(s.major.ID)) && !strings.Contains(string(list.body), `"restricted"`), "企业的隐患列表里有它")
	at := "/api/v1/hazards/" + string(s.major.ID)
	for _, path := range []string{at, "/api/v1/inspections/" + s.id, "/api/v1/inspections/" + s.id + "/photos/" + s.hashes[0]} {
		mine, err := s.mine.get(ctx, path)
		if err != nil {
			return err
		}
		theirs, err := s.rival.get(ctx, path)
		if err != nil {
			return err
		}
		s.check(mine.status == http.StatusOK && theirs.status == http.StatusNotFound, "%s：本企业 %d，另一企业 %d", path[:min(len(path), 32)]+"…", mine.status, theirs.status)
	}
	_, held := s.rival.Replica().Get(fieldsync.DocRef{Kind: inspection.KindHazard, ID: string(s.major.ID)})
	s.check(!held && s.silent(s.silence.rival), "另一企业没有同步到，也没有提示")
	return nil
}

// badPush: what is wrong with one mutation is nobody else's business.
func (s *story) badPush(ctx context.Context) error {
	s.step("一次上传里夹着坏内容：逐条答复，不连累好的；外来的同步位置从头再来")
	fresh := newID().String()
	mutation := func(name, kind, id, args string) string {
		return fmt.Sprintf(`{"id":%q,"name":%q,"doc":{"kind":%q,"id":%q},"at":%q,"args":%s}`,
			newID(), name, kind, id, time.Now().UTC().Format(time.RFC3339), args)
	}
	header := fmt.Sprintf(`{"header":{"unit":{"id":%q,"name":"示范煤矿一号"},"region":%q,"sectors":["coal-mine"],"mode":"routine","pack":{"id":%q},"startedAt":%q}}`,
		demoMine, demoRegion, s.pack, time.Now().UTC().Format(time.RFC3339))
	cases := []struct {
		what, text string
		status     fieldsync.Status
		code       string
	}{
		{"不认识的操作", mutation("inspection.burn", "inspection", newID().String(), `{}`), fieldsync.Rejected, fieldsync.ErrCommand.Code},
		{"用错种类", mutation("hazard.confirm", "inspection", newID().String(), `{}`), fieldsync.Rejected, fieldsync.ErrKind.Code},
		{"不是 UTF-8", strings.Replace(mutation("inspection.save", "inspection", newID().String(), header), "示范", "\xff\xfe", 1), fieldsync.Rejected, fieldsync.ErrMutation.Code},
		{"好的记录", mutation("inspection.save", "inspection", fresh, header), fieldsync.Applied, ""},
	}
	texts := make([]string, len(cases))
	for i, c := range cases {
		texts[i] = c.text
	}
	_, device := s.wang.Session()
	answer, err := s.wang.post(ctx, "/api/v1/sync/push", []byte(fmt.Sprintf(`{"epoch":%q,"device":%q,"deviceTime":%q,"mutations":[%s]}`,
		s.wang.Hello().Epoch, device, time.Now().UTC().Format(time.RFC3339), strings.Join(texts, ","))))
	if err != nil {
		return err
	}
	var out fieldsync.PushResponse
	if err := json.Unmarshal(answer.body, &out); err != nil || len(out.Results) != len(cases) {
		return fmt.Errorf("坏内容的答复看不懂：%d %s", answer.status, answer.body)
	}
	for i, c := range cases {
		s.verdict(c.what, out.Results[i], c.status, c.code)
	}
	foreign := "1." + base64.RawURLEncoding.EncodeToString([]byte("a cursor that another server has sealed with its key"))
	r, err := s.wang.pull(ctx, foreign)
	if err != nil {
		return err
	}
	var page struct {
		Reset   bool             `json:"reset"`
		Changes []jsontext.Value `json:"changes"`
	}
	err = json.Unmarshal(r.body, &page)
	s.check(err == nil && r.status == http.StatusOK && page.Reset && len(page.Changes) > 0, "别的服务器的同步位置 → reset，从头同步 %d 条", len(page.Changes))
	return nil
}

// counts sums up.
func (s *story) counts(ctx context.Context) error {
	s.step("收尾：清点")
	statuses, waiting, photos := map[fieldsync.Status]int{}, 0, 0
	for _, p := range s.people {
		if _, err := p.Sync(ctx); err != nil {
			return err
		}
		for _, m := range p.Outbox().All() {
			if m.Result != nil {
				statuses[m.Result.Status]++
			}
		}
		state, _ := p.Outbox().State()
		waiting += state.Mutations + state.Photos
		for _, shot := range p.Outbox().Photos() {
			if shot.Done {
				photos++
			}
		}
	}
	hazards, err := s.chief.hazards(s.id)
	if err != nil {
		return err
	}
	classes := map[inspection.Class]int{}
	for _, h := range hazards {
		classes[h.Class]++
	}
	s.say("平板提交的操作：生效 %d，重复 %d，有分歧 %d，被拒 %d", statuses[fieldsync.Applied], statuses[fieldsync.Duplicate], statuses[fieldsync.Conflict], statuses[fieldsync.Rejected])
	s.say("本次检查 %s：重大隐患 %d 条，重点问题 %d 条，一般隐患 %d 条，照片 %d 张", s.id, classes[inspection.Major], classes[inspection.KeyCase], classes[inspection.General], photos)
	s.check(waiting == 0, "所有平板的待传队列都空了")
	s.check(classes[inspection.Major] == 2 && photos == 5, "重大隐患与照片数目与现场所记一致")
	var kinds []store.Kind
	for _, d := range s.rival.Replica().Docs() {
		if d.Kind == inspection.Kind || d.Kind == inspection.KindHazard {
			kinds = append(kinds, d.Kind)
		}
	}
	s.check(!slices.Contains(kinds, inspection.Kind), "自始至终，另一企业对此一无所知")
	return nil
}
