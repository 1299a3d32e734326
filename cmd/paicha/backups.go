package main

import (
	"context"
	"errors"
	"os"
	"time"

	"paicha/internal/backup"
)

// backupAgain is how long after a failure a backup is tried again.
const backupAgain = 10 * time.Minute

// backups makes this server's regular backups, and one at each signal, while it serves.
func (s *server) backups(ctx context.Context, asked <-chan os.Signal) {
	if s.config.BackupDir == "" {
		for {
			select {
			case <-ctx.Done():
				return
			case <-asked:
				s.log.Warn("no backup: backup-dir is not set")
			}
		}
	}
	next := time.NewTimer(s.untilBackup(ctx))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
		case <-next.C:
			if s.config.BackupEvery == 0 {
				continue
			}
		}
		if err := s.backup(ctx); err != nil {
			s.log.Error("backup", "error", err)
			next.Reset(backupAgain)
			continue
		}
		if s.config.BackupEvery > 0 {
			next.Reset(s.config.BackupEvery)
		}
	}
}

// untilBackup is how long the newest backup of the folder is still new enough. What it covers is noted, in case that the
// process that made it was stopped before it could.
func (s *server) untilBackup(ctx context.Context) time.Duration {
	b, err := backup.Open(s.config.BackupDir)
	if err != nil {
		if !errors.Is(err, backup.ErrNone) {
			s.log.Error("the newest backup cannot be read", "error", err)
		}
		return time.Minute // the server has just started: what waits for it comes first
	}
	s.covered(ctx, b)
	return max(time.Minute, s.config.BackupEvery-time.Since(b.Begun))
}

func (s *server) backup(ctx context.Context) error {
	origin, err := s.store.Origin()
	if err != nil {
		return err
	}
	key, err := readKey(s.config.TokenKeyFile, s.config.Data)
	if err != nil {
		return err
	}
	b, err := backup.Take(ctx, backup.Source{Documents: origin, Photos: s.blobs, Named: photosOf}, backup.Options{
		Folder: s.config.BackupDir, Program: version, Now: time.Now, Key: key, WithKey: s.config.BackupKeys,
	})
	if err != nil {
		return err
	}
	s.covered(ctx, b)
	s.log.Info("backup complete", "in", b.Dir, "took", b.Ended.Sub(b.Begun).String(), "documents", b.Documents.Count,
		"photos", b.Photos.Count, "newPhotos", b.Photos.New, "absentPhotos", len(b.Photos.Absent))
	if _, err := backup.Prune(s.config.BackupDir, s.config.BackupKeep); err != nil {
		s.log.Warn("old backups", "error", err)
	}
	return nil
}

// covered lets tablets forget what a backup has, unless a photo was missing that one of them may still hold.
func (s *server) covered(ctx context.Context, b *backup.Backup) {
	if b.Epoch != s.store.Epoch() || len(b.Photos.Absent) > 0 {
		return
	}
	if err := s.sync.BackedUp(ctx, b.Begun); err != nil {
		s.log.Warn("noting a backup", "error", err)
	}
}
