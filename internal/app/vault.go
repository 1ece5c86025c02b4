package app

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"openivs/internal/archive"
	"openivs/internal/catalogue"
	"openivs/internal/ivs"
	"openivs/internal/operator"
	"openivs/internal/record/proof"
	"openivs/internal/store"
)

var (
	_ catalogue.Events    = (*store.DB)(nil)
	_ operator.Recordings = catalogue.Catalogue{}
)

// vault reads what was recorded into directories.
type vault struct{ a *App }

func (v vault) here() error {
	if v.a.cfg.Recording.Store == "s3" {
		return ivs.Errorf(ivs.Conflict, `recordings are in S3, which this server does not read: "aws s3 presign" signs a URL there, a CDN serves them, and "openivs recording verify URL" verifies`)
	}
	return nil
}

// PlaybackURL signs a URL of a recording.
func (v vault) PlaybackURL(bucket, prefix string, until time.Time) (string, error) {
	if err := v.here(); err != nil {
		return "", err
	}
	place := bucket + "/" + prefix
	return v.a.where.Playback + archive.Root + place + "/media/hls/master.m3u8?" + archiveSigner(v.a.key).Query(place, until), nil
}

// Verify compares a recording with its manifest.
func (v vault) Verify(ctx context.Context, bucket, prefix string) (out operator.Verification, err error) {
	if err := v.here(); err != nil {
		return out, err
	}
	root, err := os.OpenRoot(filepath.Join(v.a.cfg.Data, bucketsName, bucket, filepath.FromSlash(prefix)))
	if errors.Is(err, os.ErrNotExist) {
		out.Problems = []string{"nothing of it is in its bucket any more"}
		return out, nil
	}
	if err != nil {
		return out, err
	}
	report, found := proof.Verify(ctx, func(_ context.Context, name string) (io.ReadCloser, error) {
		return root.Open(filepath.FromSlash(name))
	})
	if err := errors.Join(context.Cause(ctx), root.Close()); err != nil {
		return out, err
	}
	out = operator.Verification{Renditions: report.Renditions, Segments: report.Segments, Bytes: report.Bytes, Milliseconds: report.Milliseconds}
	if found != nil {
		out.Problems = strings.Split(found.Error(), "\n")
	}
	return out, nil
}
