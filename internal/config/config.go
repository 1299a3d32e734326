package config

import (
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Config are the settings of a server. Load alone makes one.
type Config struct {
	Listen         string         // host:port; port 0 takes a free one
	Data           string         // folder of the database, photos and keys
	Store          string         // address of the document store, or @ and the file that holds it; empty: embedded, in Data
	Blobs          string         // address of the photo store; empty: files in Data
	Demo           bool           // demonstration data and accounts with known passwords
	LogFormat      string         // "json" or "text"
	LogLevel       slog.Level     // records below are dropped
	TokenKeyFile   string         // signing key of access tokens; empty: made in Data at first start
	LogKeyFile     string         // signing key of the audit log's heads; empty: made in Data at first start
	LogEvery       time.Duration  // how often this node appends to the audit log; 0: never
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; empty: nobody's
	ShutdownGrace  time.Duration  // how long open requests may finish after a stop signal

	BackupDir   string        // folder of this server's regular backups; empty: none
	BackupEvery time.Duration // how often; 0: only when asked by SIGUSR1
	BackupKeep  int           // how many are kept
	BackupKeys  bool          // whether the token key goes into them

	ArchiveDays int // days that a closed record stays on tablets after its last change; 0: for ever

	KeepGeneral Span // how long originals are kept after their case was closed
	KeepMajor   Span // the same, of a case with a hazard that is or was major, a key problem, or listed

	Limits Limits
}

// Limits bound what one client can ask for. Bytes count after inflating.
type Limits struct {
	BodyBytes     int64         // one JSON request that is not a push
	PushBytes     int64         // one push
	PushMutations int           // mutations in one push
	PullBytes     int64         // bodies in one page of a pull
	PullChanges   int           // changes in one page of a pull
	PhotoBytes    int64         // one photo
	ChunkBytes    int64         // one PATCH of an upload
	Uploads       int           // unfinished uploads of one person
	DayPhotos     int           // photos that one device may begin to send in a day
	DayBytes      int64         // bytes of them
	Streams       int           // open event streams in all
	Requests      int           // requests that are worked on at the same time
	Idle          time.Duration // for a client that says nothing
	Logins        int           // passwords verified at the same time, 64 MiB each
}

// BeyondLoopback reports whether Listen is reachable from other machines.
func (c Config) BeyondLoopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return true
	}
	if host == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsLoopback()
}
