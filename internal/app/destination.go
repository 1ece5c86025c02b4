package app

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"openivs/internal/blob/disk"
	"openivs/internal/blob/s3"
	"openivs/internal/config"
	"openivs/internal/control"
	"openivs/internal/ivs"
	"openivs/internal/recent"
	"openivs/internal/record"
)

// The buckets are what recordings need.
var (
	_ record.Bucket = (*disk.Bucket)(nil)
	_ record.Bucket = (*s3.Bucket)(nil)
)

// bucketsName is the directory of the buckets that are directories.
const bucketsName = "buckets"

// buckets returns a function that opens a bucket by name, where the settings
// say that buckets are.
func buckets(ctx context.Context, cfg *config.Config) (func(name string) record.Bucket, error) {
	if cfg.Recording.Store == "s3" {
		store, err := s3.Open(ctx, s3.Options{
			Region:    cmp.Or(cfg.Recording.Region, cfg.Region),
			Endpoint:  cfg.Recording.Endpoint,
			PathStyle: cfg.Recording.PathStyle,
		})
		if err != nil {
			return nil, err
		}
		return func(name string) record.Bucket { return store.Bucket(name) }, nil
	}
	dir := filepath.Join(cfg.Data, bucketsName)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return func(name string) record.Bucket { return &disk.Bucket{Dir: filepath.Join(dir, name)} }, nil
}

// joinRecording says where recordings go and who finds out whether they can.
func (a *App) joinRecording(ctx context.Context) error {
	open, err := buckets(ctx, a.cfg)
	if err != nil {
		return err
	}
	a.destinations = &control.Destinations{
		Store: recent.Recordings(a.remembered, a.db.RecordingConfigurations()),
		Probe: func(ctx context.Context, bucket string) error { return open(bucket).Probe(ctx) },
		Log:   a.log,
	}
	return nil
}

// quotas are the settings' quotas in the words of the service.
func quotas(q config.Quotas) ivs.Quotas { return ivs.Quotas(q) }
