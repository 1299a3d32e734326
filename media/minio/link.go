package minio

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"paicha/media"

	s3 "github.com/minio/minio-go/v7"
)

// links makes addresses that are signed for a short time. Signing asks nobody: it is done here.
type links struct {
	store  *Store
	client s3.Core // of the address that clients use, which is part of what is signed
}

var _ media.Linker = (*links)(nil)

// maxLinkLife bounds what a mistake of a caller can do: whoever has the address has the photo.
const maxLinkLife = 15 * time.Minute

// Link implements media.Linker.
func (l *links) Link(ctx context.Context, hash media.SHA256, t media.Type, life time.Duration) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if life < time.Second || life > maxLinkLife {
		return "", media.ErrStorage.Because(errors.New("life of a link must be between 1 second and " + maxLinkLife.String()))
	}
	show := "attachment" // a PDF or video that a stranger sent is not opened in the store's name
	switch t {
	case media.JPEG, media.PNG, media.WebP, media.HEIC:
		show = "inline"
	}
	u, err := l.client.PresignedGetObject(ctx, l.store.opt.Bucket, l.store.blobName(hash), life, url.Values{
		"response-content-type":        {string(t)},
		"response-content-disposition": {show},
		"response-cache-control":       {"private, max-age=" + strconv.Itoa(int(life/time.Second))},
	})
	if err != nil {
		return "", media.ErrStorage.Because(err)
	}
	return u.String(), nil
}
