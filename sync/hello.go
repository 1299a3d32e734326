package sync

import (
	"context"
	"slices"
	"time"

	"paicha/internal/directory"
)

const (
	skewLimit     = 5 * time.Minute
	helloEvidence = 200 // most inspections whose photos one hello asks about

)

// Hello opens a session of syncing: it settles the protocol version (ErrProtocol), tells limits, time, epoch and grants,
// measures the device's clock, and names the photos that are missing of the inspections that the device asks about.
func (s *Service) Hello(ctx context.Context, sess Session, r HelloRequest) (HelloResponse, error) {
	if r.Device != string(sess.Device) {
		return HelloResponse{}, ErrDevice
	}
	if r.ProtocolMin > ProtocolMax || r.ProtocolMax < ProtocolMin {
		return HelloResponse{}, ErrProtocol.Saying("服务器支持的协议版本为%d至%d，请升级应用；本机记录不会丢失", ProtocolMin, ProtocolMax)
	}
	now := s.Now()
	skew := r.DeviceTime.Sub(now)
	out := HelloResponse{
		Protocol: min(r.ProtocolMax, ProtocolMax), ServerTime: now.UTC().Truncate(time.Millisecond),
		SkewMillis: skew.Milliseconds(), SkewLarge: skew.Abs() > skewLimit,
		Capabilities: Capabilities, Epoch: s.Store.Epoch(), Limits: s.Limits, User: string(sess.User.ID), Wipe: sess.Wipe, LockAfter: int64(s.LockAfter / time.Second),
	}
	s.greeted(ctx, sess, r, skew)
	var err error
	if out.KeptUntil, err = s.keptUntil(ctx); err != nil {
		return HelloResponse{}, err
	}
	for _, reach := range sess.User.Reading(now) {
		out.Grants = append(out.Grants, Grant{Token: reach.Token, Audience: string(reach.Audience), Until: endOf(sess.User, reach)})
	}
	for _, id := range r.Inspections[:min(len(r.Inspections), helloEvidence)] {
		sub, _, found, err := s.subjectOf(ctx, id)
		if err != nil {
			return HelloResponse{}, err
		}
		// Only of what the person works on: that the server holds a photo for somebody else is never told.
		if !found || sub.inspection == nil || !sub.inspection.Member(sess.User.ID) {
			continue
		}
		m, err := s.want(ctx, id, nil)
		if err != nil {
			return HelloResponse{}, err
		}
		if len(m.SHA256) > 0 {
			out.MissingMedia = append(out.MissingMedia, m)
		}
	}
	return out, nil
}

// endOf is when the grant behind a reach ends; zero for one without end.
func endOf(u directory.User, r directory.Reach) time.Time {
	i := slices.IndexFunc(u.Grants, func(g directory.Grant) bool {
		return g.Role == r.Audience && (g.Token == r.Token || directory.SupervisorTwin(g.Token) == r.Token)
	})
	if i < 0 {
		return time.Time{}
	}
	return u.Grants[i].Until
}
