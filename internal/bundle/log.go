package bundle

import (
	"errors"
	"fmt"
	"time"

	"paicha/inspection/attest"
	"paicha/internal/audit"
	"paicha/internal/fault"
	"paicha/internal/store"
)

// Log is what a bundle's log file came to. Pinned: the head is signed by the key that the reader gave.
type Log struct {
	Key     string    `json:"key"`
	Pinned  bool      `json:"pinned"`
	Size    int64     `json:"size"` // leaves below the head
	Root    string    `json:"root"` // base64
	At      time.Time `json:"at"`   // of the head, server time
	Entries int       `json:"entries"`
	Pending int       `json:"pending"` // entries of the records that were not logged yet
}

// maxSignature bounds the signature of a manifest.
const maxSignature = 1 << 16 // bytes

// ledger is the log file while the records are read one after the other.
type ledger struct {
	file  audit.File
	head  audit.Head
	err   error
	facts []Fact
	out   Log
}

// key is the verifier key to believe: the reader's, else the one that the bundle names.
func (v *verifier) key(named string) string {
	if v.pin != "" {
		return v.pin
	}
	return named
}

// openLog reads the log file before the records, so that none of them has to be kept. Its own bytes are compared with the
// manifest later, like those of every file.
func (v *verifier) openLog() {
	f := v.files[LogName]
	if f == nil {
		return
	}
	v.log = &ledger{}
	b, err := contents(f, maxRecord)
	if err == nil {
		v.log.file, err = audit.ReadFile(b)
	}
	if err == nil {
		v.log.head, err = audit.OpenHead([]byte(v.log.file.Head), v.key(v.log.file.Key))
	}
	v.log.err = err
}

// compare checks one record against the log file, if there is one that can be read.
func (v *verifier) compare(m File, body []byte) {
	l := v.log
	kind := store.Kind(m.Kind)
	if l == nil || l.err != nil || !audit.Logged(kind) {
		return
	}
	name := shown(m.Name)
	say := func(code string, s attest.State, format string, args ...any) {
		l.facts = append(l.facts, Fact{Code: code, State: s, Text: fmt.Sprintf(format, args...), File: name})
	}
	found, told, err := l.file.Check(l.head, audit.Record{Ref: store.Ref{Kind: kind, ID: m.ID}, Rev: store.Rev(m.Rev), Body: body})
	switch {
	case err != nil:
		say("log_record", attest.Failed, "%s 的履历读不出来", name)
		return
	case !told:
		say("log_record", attest.Failed, "日志文件没有提到 %s", name)
		return
	}
	l.out.Entries += found.Logged
	l.out.Pending += found.Pending
	for _, i := range found.Wrong {
		say("log_entry", attest.Failed, "%s 的第 %d 条履历与日志不符", name, i+1)
	}
	if found.Bound == audit.Other {
		say("log_body", attest.Failed, "%s 的正文与日志所记的同一版本不同", name)
	}
	if !found.Holds() {
		return
	}
	if found.Logged > 0 {
		say("log_record", attest.OK, "%s 的 %d 条履历都在日志中", name, found.Logged)
	}
	switch {
	case found.Pending > 0:
		say("log_pending", attest.Doubt, "%s 有 %d 条履历导出时尚未入日志，日志不能证明它们", name, found.Pending)
	case found.Bound == audit.Same:
		say("log_body", attest.OK, "%s 的正文与入日志时逐字节相同", name)
	case found.Logged > 0:
		say("log_body", attest.Told, "%s 的正文在最后一条履历之后有过变更（例如照片标记），日志只证明履历", name)
	}
}

// signedManifest checks the signature over the manifest.
func (v *verifier) signedManifest() {
	f := v.files[SignatureName]
	if f == nil {
		switch {
		case v.report.Manifest.Key != "":
			v.say("manifest_signature", attest.Failed, SignatureName, "清单的签名缺失")
		case v.pin != "":
			v.say("manifest_signature", attest.Failed, SignatureName, "指定了日志公钥，但清单没有签名")
		}
		return
	}
	b, err := contents(f, maxSignature)
	var text string
	if err == nil {
		text, err = audit.OpenNote(b, v.key(v.report.Manifest.Key))
	}
	switch {
	case errors.Is(err, audit.ErrKeyFile):
		v.say("log_key", attest.Failed, SignatureName, "日志公钥读不出来，应为 paicha log key 打印的一行")
	case err != nil:
		v.say("manifest_signature", attest.Failed, SignatureName, "清单的签名无效，或不是用%s签的", v.which())
	case text != signedText(v.manifest):
		v.say("manifest_signature", attest.Failed, SignatureName, "清单的签名是另一份清单的")
	default:
		v.say("manifest_signature", attest.OK, SignatureName, "清单的签名有效：证据包自导出后没有改动，密钥 %s", shown(v.key(v.report.Manifest.Key)))
		v.unpinned()
	}
}

func (v *verifier) which() string {
	if v.pin != "" {
		return "指定的密钥"
	}
	return "证据包所说的密钥"
}

// unpinned says, once, that anybody can make a key.
func (v *verifier) unpinned() {
	for _, f := range v.report.Facts {
		if f.Code == "log_key" {
			return
		}
	}
	if v.pin == "" {
		v.say("log_key", attest.Doubt, "", "没有用 --log-key 指定日志公钥：上述密钥是证据包自己说的，请向主管部门另行取得公钥后核对")
		return
	}
	v.say("log_key", attest.OK, "", "密钥是 --log-key 指定的日志公钥")
}

// logged says what the log proves.
func (v *verifier) logged() {
	l := v.log
	if l == nil {
		if v.report.Manifest.Key != "" {
			v.say("log", attest.Told, "", "证据包里没有日志证明（只有监管人员导出的证据包有，且须日志可用）")
		}
		return
	}
	if l.err != nil {
		if f := fault.Of(l.err); f.Code == audit.ErrKey.Code {
			v.say("log_head", attest.Failed, LogName, "日志头的签名无效，或不是用%s签的", v.which())
		} else {
			v.say("log_head", attest.Failed, LogName, "日志文件读不出来")
		}
		return
	}
	l.out.Key, l.out.Pinned = shown(v.key(l.file.Key)), v.pin != ""
	l.out.Size, l.out.Root, l.out.At = l.head.Size, l.head.Root.String(), l.head.At
	v.report.Log = &l.out
	v.say("log_head", attest.OK, LogName, "日志头的签名有效：截至 %s 共 %d 条，根 %s", l.head.At.Format(time.RFC3339), l.head.Size, l.out.Root)
	v.unpinned()
	if v.pin == "" && v.report.Manifest.Key != l.file.Key {
		v.say("log_key", attest.Failed, LogName, "清单与日志用了不同的密钥")
	}
	for _, f := range l.facts {
		v.say(f.Code, f.State, f.File, "%s", f.Text)
	}
}
