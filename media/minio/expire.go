package minio

import (
	"context"
	"slices"
	"strings"
	"time"

	"paicha/media"
)

// opened is an open upload as a listing has it.
type opened struct {
	id      media.UploadID
	objects []listed // named within its folder
}

// begun is when the upload was begun; of one without a head, when the last of its remains was written.
func (o opened) begun() time.Time {
	var last time.Time
	for _, x := range o.objects {
		if x.name == headName {
			return x.modified
		}
		if x.modified.After(last) {
			last = x.modified
		}
	}
	return last
}

// walk calls f for every open upload, and for what is left of forgotten ones, in order of id.
func (s *Staging) walk(ctx context.Context, f func(opened)) error {
	var now opened
	err := s.store.list(ctx, openFolder, func(o listed) {
		id, name, inside := strings.Cut(o.name, "/")
		if !inside {
			return // not ours
		}
		if media.UploadID(id) != now.id {
			if now.id != "" {
				f(now)
			}
			now = opened{id: media.UploadID(id)}
		}
		o.name = name
		now.objects = append(now.objects, o)
	})
	if err == nil && now.id != "" {
		f(now)
	}
	return err
}

// Pending implements media.Shared: one listing of what is open, and one small read for each upload that is new here.
func (s *Staging) Pending(ctx context.Context) ([]media.Staged, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type found struct {
		id  media.UploadID
		tag string
		st  state
		ok  bool
	}
	var all []*found
	err := s.walk(ctx, func(o opened) {
		if st, tag, open := s.assemble(o.id, o.objects); open {
			all = append(all, &found{id: o.id, tag: tag, st: st})
		}
	})
	if err != nil {
		return nil, storage(ctx, err)
	}
	err = each(ctx, all, func(ctx context.Context, f *found) error {
		var err error
		f.st.declared, err = s.head(ctx, f.id, f.tag)
		if absent(err) {
			return nil // over since it was listed
		}
		f.ok = err == nil
		return err
	})
	if err != nil {
		return nil, storage(ctx, err)
	}
	out := make([]media.Staged, 0, len(all))
	for _, f := range all {
		if f.ok {
			out = append(out, s.staged(f.id, f.st))
		}
	}
	return out, nil
}

// Expire implements media.Shared: two listings, whatever the number of uploads that are not over.
func (s *Staging) Expire(ctx context.Context, before time.Time) ([]media.UploadID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	keys := map[media.UploadID][]string{}
	err := s.walk(ctx, func(o opened) {
		if o.begun().Before(before) {
			st, _, _ := s.assemble(o.id, o.objects)
			keys[o.id] = st.names
		}
	})
	if err != nil {
		return nil, storage(ctx, err)
	}
	err = s.store.list(ctx, doneFolder, func(o listed) {
		if o.modified.Before(before) {
			id := media.UploadID(o.name)
			keys[id] = append(keys[id], s.store.name(doneFolder, o.name))
		}
	})
	if err != nil {
		return nil, storage(ctx, err)
	}
	var ids []media.UploadID
	for id := range keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	err = each(ctx, ids, func(ctx context.Context, id media.UploadID) error {
		if err := s.clear(ctx, keys[id]); err != nil {
			return err
		}
		s.drop(id)
		return nil
	})
	if err != nil {
		return nil, storage(ctx, err)
	}
	return ids, nil
}
