package inspection

// The statuses of a hazard.
const (
	Reported   Status = "reported"   // 已上报
	Confirmed  Status = "confirmed"  // 已确认
	Rectifying Status = "rectifying" // 整改中
	Rectified  Status = "rectified"  // 已整改，待验收
	Accepted   Status = "accepted"   // 已验收销号
	Withdrawn  Status = "withdrawn"  // 已撤销
)

// Command is the name of a change, as it stands in a mutation.
type Command string

// The commands on an inspection.
const (
	CmdSave    Command = "inspection.save"
	CmdSubmit  Command = "inspection.submit"
	CmdAmend   Command = "inspection.amend"
	CmdSettle  Command = "inspection.settle"
	CmdRemark  Command = "inspection.remark"
	CmdSign    Command = "inspection.sign"
	CmdDecline Command = "inspection.decline"
	CmdJudge   Command = "inspection.judge" // by the server alone, when a pack arrives
)

// The commands on a hazard.
const (
	CmdReport       Command = "hazard.report"
	CmdDerive       Command = "hazard.derive" // by the server alone, from an inspection
	CmdConfirm      Command = "hazard.confirm"
	CmdWithdraw     Command = "hazard.withdraw"
	CmdPlan         Command = "hazard.plan"
	CmdRectify      Command = "hazard.rectify"
	CmdAccept       Command = "hazard.accept"
	CmdReject       Command = "hazard.reject"
	CmdReopen       Command = "hazard.reopen"
	CmdRegrade      Command = "hazard.regrade"
	CmdExtend       Command = "hazard.extend"
	CmdList         Command = "hazard.list"
	CmdTransfer     Command = "hazard.transfer"
	CmdExempt       Command = "hazard.exempt"
	CmdHazardRemark Command = "hazard.remark"
)

// moves is the life of a hazard: from a status, by a command, to a status. What is not here is refused.
//
// CmdDerive stands where the record moves a hazard by itself: it makes one, and it brings back one that was closed when
// the record comes to call it graver, or anew. What is still open keeps its status, whatever the record says.
var moves = map[Status]map[Command]Status{
	"": {CmdReport: Reported, CmdDerive: Reported},
	Reported: {
		CmdConfirm: Confirmed, CmdWithdraw: Withdrawn,
		CmdRegrade: Reported, CmdTransfer: Reported, CmdExempt: Reported, CmdHazardRemark: Reported,
	},
	Confirmed: {
		CmdPlan: Rectifying, CmdRectify: Rectified, CmdWithdraw: Withdrawn, // CmdRectify at once: 能立即整改的
		CmdRegrade: Confirmed, CmdTransfer: Confirmed, CmdExempt: Confirmed, CmdList: Confirmed,
		CmdHazardRemark: Confirmed,
	},
	Rectifying: {
		CmdRectify: Rectified, CmdPlan: Rectifying, // a plan may be bettered, its deadline only by CmdExtend
		CmdRegrade: Rectifying, CmdTransfer: Rectifying, CmdExempt: Rectifying, CmdList: Rectifying, CmdExtend: Rectifying,
		CmdHazardRemark: Rectifying,
	},
	Rectified: {
		CmdAccept: Accepted, CmdReject: Rectifying,
		CmdRegrade: Rectified, CmdTransfer: Rectified, CmdExempt: Rectified, CmdHazardRemark: Rectified,
	},
	Accepted:  {CmdDerive: Reported, CmdHazardRemark: Accepted},
	Withdrawn: {CmdReopen: Reported, CmdDerive: Reported, CmdHazardRemark: Withdrawn},
}

// inspectionMoves is the life of an inspection.
var inspectionMoves = map[Status]map[Command]Status{
	"":    {CmdSave: Draft},
	Draft: {CmdSave: Draft, CmdSubmit: Submitted, CmdSettle: Draft, CmdRemark: Draft, CmdJudge: Draft},
	Submitted: {
		CmdSave: Submitted, CmdSubmit: Submitted, // what comes late is a proposal
		CmdAmend: Submitted, CmdSettle: Submitted, CmdRemark: Submitted, CmdJudge: Submitted,
		CmdSign: Submitted, CmdDecline: Submitted,
	},
}

// Next looks a hazard's move up; ok is false if the status does not allow the command.
func Next(from Status, c Command) (to Status, ok bool) {
	to, ok = moves[from][c]
	return to, ok
}

// NextInspection looks an inspection's move up; the empty status is that of a record which is not there yet.
func NextInspection(from Status, c Command) (to Status, ok bool) {
	to, ok = inspectionMoves[from][c]
	return to, ok
}

// move looks up the move of a hazard, or says in Chinese why there is none.
func move(h *Hazard, c Command) (Status, error) {
	if to, ok := Next(h.Status, c); ok {
		return to, nil
	}
	if c == CmdReport {
		return "", ErrNoMove.Saying("这条隐患已经上报过")
	}
	return "", ErrNoMove.Saying("隐患现在是“%s”，不能%s", Label(h.Status), commandNames[c])
}

var statusNames = map[Status]string{
	Draft: "检查中", Submitted: "已提交", Reported: "已上报", Confirmed: "已确认", Rectifying: "整改中",
	Rectified: "已整改待验收", Accepted: "已验收", Withdrawn: "已撤销",
}

// Label returns a status's Chinese name.
func Label(s Status) string { return statusNames[s] }

var commandNames = map[Command]string{
	CmdSave: "保存", CmdSubmit: "提交", CmdAmend: "更正", CmdSettle: "处理分歧", CmdRemark: "批注", CmdJudge: "判定",
	CmdSign: "签名", CmdDecline: "拒绝签名",
	CmdReport: "上报", CmdDerive: "按检查记录更新", CmdConfirm: "确认", CmdWithdraw: "撤销", CmdPlan: "制定整改方案",
	CmdRectify: "报送整改", CmdAccept: "验收通过", CmdReject: "验收退回", CmdReopen: "恢复", CmdRegrade: "调整等级",
	CmdExtend: "延期", CmdList: "挂牌督办", CmdTransfer: "移交", CmdExempt: "认定不予处罚", CmdHazardRemark: "批注",
}
