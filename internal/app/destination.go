package app

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"openivs/internal/blob/disk"
	"openivs/internal/blob/s3"
	"openivs/internal/config"
	"openivs/internal/control"
	"openivs/internal/ivs"
	"openivs/internal/pipeline"
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

// spoolName is the directory of what waits for buckets.
const spoolName = "recordings"

// finishLimit is how long recordings may take to be stored when the server stops.
const finishLimit = 10 * time.Second

// joinRecording says where recordings go and who finds out whether they can, and
// takes up the recordings that an earlier server left open.
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
	spool := filepath.Join(a.cfg.Data, spoolName)
	if err := os.Mkdir(spool, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	recorder := &record.Recorder{Dir: spool, Bucket: open, Note: a.sessions.Note, Log: a.log}
	a.streams.Record = recordWith(recorder) //nolint:contextcheck // a stream outlives the start
	a.steps.add("finish the recordings", finishLimit, recorder.Close)
	return recorder.Resume(ctx)
}

// recordWith has streams recorded whose channel wants it.
func recordWith(recorder *record.Recorder) func(s ivs.Session) pipeline.Recording {
	return func(s ivs.Session) pipeline.Recording {
		if rec := recorder.Begin(s); rec != nil {
			return rec
		}
		return pipeline.Unrecorded{} // not rec: a nil pointer in an interface is not nil
	}
}

// quotas are the settings' quotas in the words of the service.
func quotas(q config.Quotas) ivs.Quotas { return ivs.Quotas(q) }
