package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"openivs/internal/archive"
	"openivs/internal/blob/disk"
	"openivs/internal/blob/s3"
	"openivs/internal/config"
	"openivs/internal/control"
	"openivs/internal/headroom"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/pipeline"
	"openivs/internal/recent"
	"openivs/internal/record"
	"openivs/internal/seal"
	"openivs/internal/transcode"
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
			Encrypt:   cfg.Recording.Encrypt,
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
	a.room = watchRoom(a.cfg, a.log)
	a.recorder = &record.Recorder{
		Dir: spool, Bucket: open, Note: a.sessions.Note, Log: a.log, Thumbnail: a.thumbnail, Limit: a.cfg.Recording.Spool,
		Full: func() string {
			if l := a.room.Level(); l >= headroom.NoRecordings {
				return l.String()
			}
			return ""
		},
		Spare: func() bool { return a.room.Level() >= headroom.NoThumbnails },
	}
	a.streams.Record = a.recordWith(a.recorder) //nolint:contextcheck // a stream outlives the start
	a.steps.add("finish the recordings", finishLimit, a.recorder.Close)
	return a.recorder.Resume(ctx)
}

// watchRoom looks at the disks that recordings are written to: the spool's, and that
// of the buckets where they are directories.
func watchRoom(cfg *config.Config, log *slog.Logger) *headroom.Guard {
	free := cfg.Recording.Free
	g := &headroom.Guard{
		Marks: [headroom.NoRecordings]int64{free.Warn, free.Thumbnails, free.Recordings}, Log: log,
		Free: func() (least int64, known bool) {
			for _, dir := range []string{spoolName, bucketsName} {
				d := diskOf(filepath.Join(cfg.Data, dir))
				if d == nil {
					continue
				}
				if n := int64(min(d.Free, math.MaxInt64)); !known || n < least { //nolint:gosec // it fits
					least, known = n, true
				}
			}
			return least, known
		},
	}
	g.Look()
	return g
}

// thumbnail makes a JPEG of a keyframe.
func (a *App) thumbnail(ctx context.Context, u media.Unit, width, height int) ([]byte, error) {
	return transcode.Thumbnail(ctx, a.cfg.Transcode.Program, u, width, height)
}

// archived serves what is recorded into directories.
func (a *App) archived() http.Handler {
	if a.cfg.Recording.Store == "s3" {
		return http.NotFoundHandler()
	}
	return archive.Handler{Signer: archiveSigner(a.key), Dir: filepath.Join(a.cfg.Data, bucketsName)}
}

func archiveSigner(key *seal.Key) archive.Signer { return archive.Signer{Key: key.Hash("recordings")} }

// RecordingURL returns a URL that plays a recording until a time. Where it is can be
// said by its bucket and prefix, or by its directory.
func RecordingURL(cfg *config.Config, where string, until time.Time) (string, error) {
	if cfg.Recording.Store == "s3" {
		return "", errors.New(`recordings are in S3: "aws s3 presign" signs a URL there, and a CDN serves them`)
	}
	at, err := ReadEndpoints(cfg.Data)
	if err != nil {
		return "", err
	}
	key, err := seal.Load(MasterKeyFile(cfg))
	if err != nil {
		return "", err
	}
	name := filepath.ToSlash(filepath.Clean(where))
	if buckets := filepath.ToSlash(filepath.Join(cfg.Data, bucketsName)) + "/"; strings.HasPrefix(name, buckets) {
		name = strings.TrimPrefix(name, buckets)
	}
	place, ok := archive.Place(name)
	if !ok {
		return "", fmt.Errorf("%s is no recording: give BUCKET/PREFIX, as in the event Recording End", where)
	}
	if rest := strings.TrimPrefix(name, place); rest == "" {
		name += "/media/hls/master.m3u8"
	}
	return at.Playback + archive.Root + name + "?" + archiveSigner(key).Query(place, until), nil
}

// recordWith has streams recorded whose channel wants it, and counts how much.
func (a *App) recordWith(recorder *record.Recorder) func(s ivs.Session) pipeline.Recording {
	return func(s ivs.Session) pipeline.Recording {
		if rec := recorder.Begin(s); rec != nil {
			return a.recorded.Open(s.StreamID, rec)
		}
		return pipeline.Unrecorded{} // not rec: a nil pointer in an interface is not nil
	}
}

// quotas are the settings' quotas in the words of the service.
func quotas(q config.Quotas) ivs.Quotas { return ivs.Quotas(q) }
