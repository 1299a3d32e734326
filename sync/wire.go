package sync

import (
	"time"

	"paicha/internal/store"

	"github.com/go-json-experiment/json/jsontext"
)

// Protocol versions that this server speaks; docs/protocol.md says how they are negotiated.
const (
	ProtocolMin = 1
	ProtocolMax = 1
)

// Capabilities name what was added within the version; docs/protocol.md lists them.
var Capabilities = []string{"archive", "chain", "check", "like", "quarantine", "resume", "signatures"}

// MutationID names one mutation: a UUIDv7 made on the device.
type MutationID string

// DocRef names a document on the wire.
type DocRef struct {
	Kind store.Kind `json:"kind"`
	ID   string     `json:"id"`
}

// Limits are what one request may carry; hello tells them to the device.
type Limits struct {
	PushBytes      int   `json:"pushBytes"`      // bytes of a push body, once inflated
	PushMutations  int   `json:"pushMutations"`  // mutations in a push
	MutationBytes  int   `json:"mutationBytes"`  // bytes of one mutation
	PullDocs       int   `json:"pullDocs"`       // most documents in a page
	PullBytes      int   `json:"pullBytes"`      // bytes of bodies after which a page ends
	PhotoBytes     int64 `json:"photoBytes"`     // bytes of one photo
	ChunkBytes     int64 `json:"chunkBytes"`     // most bytes of one PATCH
	ChunkSuggested int64 `json:"chunkSuggested"` // good for one bar of signal
}

// DefaultLimits are the limits where configuration says nothing else.
var DefaultLimits = Limits{
	PushBytes: 8 << 20, PushMutations: 500, MutationBytes: 1 << 20,
	PullDocs: 1000, PullBytes: 4 << 20,
	PhotoBytes: 30 << 20, ChunkBytes: 30 << 20, ChunkSuggested: 256 << 10,
}

// HelloRequest opens a session of syncing.
type HelloRequest struct {
	ProtocolMin int         `json:"protocolMin"`
	ProtocolMax int         `json:"protocolMax"`
	App         string      `json:"app,omitzero"`          // version of the app
	Device      string      `json:"device"`                // the device's id, from enrolment
	DeviceTime  time.Time   `json:"deviceTime"`            // the device's clock now
	Outbox      OutboxState `json:"outbox,omitzero"`       // what still waits on the device
	Inspections []string    `json:"inspections,omitempty"` // whose photos the device still holds: answered by MissingMedia
}

// OutboxState is how much waits on a device.
type OutboxState struct {
	Mutations int       `json:"mutations"`
	Photos    int       `json:"photos"`
	Bytes     int64     `json:"bytes"`
	Oldest    time.Time `json:"oldest,omitzero"`
}

// HelloResponse answers a hello.
type HelloResponse struct {
	Protocol     int            `json:"protocol"`
	Capabilities []string       `json:"capabilities,omitempty"` // see Capabilities
	ServerTime   time.Time      `json:"serverTime"`
	SkewMillis   int64          `json:"skewMillis"` // device clock minus server clock
	SkewLarge    bool           `json:"skewLarge"`  // past five minutes
	Epoch        string         `json:"epoch"`
	Limits       Limits         `json:"limits"`
	User         string         `json:"user"`
	Grants       []Grant        `json:"grants"`
	LockAfter    int64          `json:"lockAfterSeconds"` // the app locks itself when it has not been here for so long
	Wipe         bool           `json:"wipe"`
	KeptUntil    time.Time      `json:"keptUntil,omitzero"` // what was acknowledged before is covered by a backup
	MissingMedia []MissingMedia `json:"missingMedia,omitempty"`
}

// Grant is one scope that the user may read now.
type Grant struct {
	Token    store.Token `json:"token"`
	Audience string      `json:"audience"`
	Until    time.Time   `json:"until,omitzero"`
}

// MissingMedia names the photos of an inspection that the server does not have from this team.
type MissingMedia struct {
	Inspection string   `json:"inspection"`
	SHA256     []string `json:"sha256"`
}

// PullRequest asks for what has changed since Cursor; an empty cursor asks for everything.
type PullRequest struct {
	Cursor string   `json:"cursor,omitzero"`
	Limit  int      `json:"limit,omitzero"` // most documents wanted; 0: the server's choice
	Have   []string `json:"have,omitempty"` // hashes of the packs that the device holds: they are named without their body
	Got    Got      `json:"got,omitzero"`   // what the device has of the answer to this very request
	Like   Like     `json:"like,omitzero"`  // what the answer may be compressed against
}

// PullChange is one change as a device reads it. Removed is left, deleted or archived, and then there is no body.
type PullChange struct {
	Kind       store.Kind     `json:"kind"`
	ID         string         `json:"id"`
	Rev        store.Rev      `json:"rev"`
	Via        []store.Token  `json:"via,omitempty"` // every token of the reader that covers it: replaces what the device had
	Removed    string         `json:"removed,omitzero"`
	Held       bool           `json:"held,omitzero"` // the device said that it has this pack: the body is the one that it has
	Body       jsontext.Value `json:"body,omitzero"`
	Restricted jsontext.Value `json:"restricted,omitzero"` // supervisors only
}

// PullResponse is one page. Page and cursor are applied in one local transaction.
type PullResponse struct {
	Changes      []PullChange  `json:"changes"`
	Forget       []store.Token `json:"forget,omitempty"`       // drop what is held through no other token
	SnapshotDone []store.Token `json:"snapshotDone,omitempty"` // drop what is held through these and was not named since Reset or the grant
	Cursor       string        `json:"cursor"`
	More         bool          `json:"more"`
	Reset        bool          `json:"reset,omitzero"` // the cursor was no good: a snapshot begins
}

// PushRequest hands in mutations in the order of their making.
type PushRequest struct {
	Epoch      string           `json:"epoch"` // of the last hello or pull; a baseRev of another epoch counts as none
	Device     string           `json:"device"`
	DeviceTime time.Time        `json:"deviceTime"`
	Mutations  []jsontext.Value `json:"mutations"`
	Links      []Link           `json:"links,omitempty"` // numbers of the chain that this push does not carry
}

// Link names a number of a device's chain that is not sent now. Without ID the device no longer has the mutation.
type Link struct {
	N  uint64     `json:"n"`
	ID MutationID `json:"id,omitzero"`
}

// Mutation is one named command. A retry repeats it byte for byte: its hash tells it from another one of the same id.
type Mutation struct {
	ID        MutationID     `json:"id"`
	N         uint64         `json:"n,omitzero"`    // the device's own counter of the mutations that it made, from 1
	Prev      MutationID     `json:"prev,omitzero"` // the mutation before it on the device
	Name      string         `json:"name"`
	Doc       DocRef         `json:"doc"`
	BaseRev   store.Rev      `json:"baseRev,omitzero"` // the rev that the device held when it was made
	Args      jsontext.Value `json:"args"`
	At        time.Time      `json:"at"` // device time of its making
	Place     jsontext.Value `json:"place,omitzero"`
	Signature jsontext.Value `json:"signature,omitzero"`
}

// Status says how a mutation ended. Blocked and Retry are not ends.
type Status string

// The statuses of a mutation.
const (
	Applied     Status = "applied"
	Duplicate   Status = "duplicate"   // it was here before: First tells how it ended then
	Conflict    Status = "conflict"    // applied beside another value: both are kept for a person
	Rejected    Status = "rejected"    // it has no effect, now or later
	Quarantined Status = "quarantined" // kept for a supervisor, who releases or dismisses it
	Blocked     Status = "blocked"     // it waits for another one: keep and send again
	Retry       Status = "retry"       // the server could not tell or do it now: keep and send again
)

// Final reports whether a mutation of this status need not be sent again.
func (s Status) Final() bool { return s != Blocked && s != Retry }

// Next tells the device what to do with a mutation.
type Next string

// What a device does next.
const (
	Remove    Next = "remove" // done: drop it from the outbox (after keptUntil)
	Keep      Next = "keep"   // keep it and send it again later
	AskPerson Next = "ask"    // keep it aside and show it to the person, with the problem
)

// Result answers one mutation. Rev is the document's rev that it made or found.
type Result struct {
	ID      MutationID `json:"id"`
	Status  Status     `json:"status"`
	First   Status     `json:"first,omitzero"` // of a duplicate: how it ended the first time
	Rev     store.Rev  `json:"rev,omitzero"`
	Problem *Problem   `json:"problem,omitzero"`
	Next    Next       `json:"next"`
}

// Problem is an RFC 9457 problem within a result: Detail is the Chinese sentence for the person.
type Problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Field  string `json:"field,omitzero"` // JSON pointer into the mutation
}

// PushResponse answers each mutation, in order.
type PushResponse struct {
	Results      []Result       `json:"results"`
	MissingMedia []MissingMedia `json:"missingMedia,omitempty"`
	ServerTime   time.Time      `json:"serverTime"`
	Gaps         []uint64       `json:"gaps,omitempty"` // numbers of the chain that the server waits for, a hundred at most
}
