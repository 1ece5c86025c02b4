package control

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"openivs/internal/ivs"
)

// Destinations finds out whether recordings can be stored where recording
// configurations say, and so takes each from CREATING to ACTIVE or
// CREATE_FAILED. What a server that stopped left CREATING is looked at again.
// Set the fields before the first use and leave them alone afterwards.
type Destinations struct {
	Store Resources[ivs.RecordingConfiguration] // required
	Log   *slog.Logger                          // nil: nothing is logged

	// Probe says why recordings cannot be stored in a bucket: fs.ErrNotExist if
	// it is missing or elsewhere, fs.ErrPermission if it is not ours. Any other
	// error may pass. Required.
	Probe func(ctx context.Context, bucket string) error

	Timeout  time.Duration // of one probe; 0: 15 s
	Patience time.Duration // with a bucket that cannot be reached; 0: 20 s
	Pause    time.Duration // before asking a store that is away again; 0: 5 s

	once  sync.Once
	asked chan struct{} // holds one: there may be something to look at
}

// probePause is how long a bucket that could not be reached is left alone.
const probePause = 2 * time.Second

// maxProbes is how many buckets are probed at once. Further ones wait.
const maxProbes = 8

// strictRegion is the only region in which a bucket that cannot be used is not
// an error of the call that names it (API: CreateRecordingConfiguration).
const strictRegion = "us-east-1"

func (d *Destinations) bell() chan struct{} {
	d.once.Do(func() { d.asked = make(chan struct{}, 1) })
	return d.asked
}

// look has Run look for what is CREATING.
func (d *Destinations) look() {
	select {
	case d.bell() <- struct{}{}:
	default:
	}
}

// refuse says why a configuration for a bucket cannot be made at all. Where
// that cannot be known now, Run will find out.
func (d *Destinations) refuse(ctx context.Context, region, bucket string) error {
	if region == strictRegion {
		return nil
	}
	if unusable(d.probe(ctx, bucket)) {
		return errors.New("destinationConfiguration.s3.bucketName: " + bucket +
			" must be a bucket of the same account, in the region " + region)
	}
	return nil
}

// unusable reports whether a probe's error says that the bucket is of no use, and
// not that it could not be reached.
func unusable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

func (d *Destinations) probe(ctx context.Context, bucket string) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Timeout, 15*time.Second))
	defer cancel()
	return d.Probe(ctx, bucket)
}

// Run looks at every configuration that is CREATING, until ctx ends.
func (d *Destinations) Run(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	busy := make(map[ivs.ARN]bool)
	done := make(chan ivs.ARN, maxProbes)
	for {
		creating, err := d.creating(ctx)
		var again <-chan time.Time
		if err != nil {
			if ctx.Err() == nil {
				d.log().Error("recording configurations are not looked at", "err", err)
			}
			again = time.After(d.pause())
		}
		for _, c := range creating {
			if busy[c.ARN] || len(busy) == maxProbes {
				continue
			}
			busy[c.ARN] = true
			probes.Go(func() {
				d.decide(ctx, c)
				done <- c.ARN
			})
		}
		select {
		case <-d.bell():
		case <-again:
		case arn := <-done:
			delete(busy, arn)
		case <-ctx.Done():
			return nil
		}
	}
}

// creating returns the configurations whose destination nobody knows yet.
func (d *Destinations) creating(ctx context.Context) ([]ivs.RecordingConfiguration, error) {
	var out []ivs.RecordingConfiguration
	for after := int64(0); ; {
		page, err := d.Store.List(ctx, after, maxResourcePage)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Items {
			if c.State == ivs.RecordingCreating {
				out = append(out, c)
			}
		}
		if after = page.Next; after == 0 {
			return out, nil
		}
	}
}

// decide probes the destination of a configuration and stores the outcome.
func (d *Destinations) decide(ctx context.Context, c ivs.RecordingConfiguration) {
	bucket, state := c.Destination.S3.Bucket, ivs.RecordingActive
	if err := d.find(ctx, bucket); err != nil {
		if ctx.Err() != nil {
			return // it was cut off, which says nothing
		}
		state = ivs.RecordingCreateFailed
		d.log().Warn("recording configuration cannot be used", "resource", c.ARN.String(), "bucket", bucket, "err", err)
	}
	for {
		_, err := d.Store.Update(ctx, c.ARN, func(c *ivs.RecordingConfiguration) error {
			c.State = state
			return nil
		})
		if err == nil || ivs.CodeOf(err) == ivs.NotFound || ctx.Err() != nil {
			return
		}
		d.log().Error("state of a recording configuration is not stored", "resource", c.ARN.String(), "err", err)
		select {
		case <-time.After(d.pause()):
		case <-ctx.Done():
			return
		}
	}
}

// find probes a bucket until it answers or patience is at an end: what fails on
// the way there may pass, and the outcome is for ever.
func (d *Destinations) find(ctx context.Context, bucket string) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Patience, 20*time.Second))
	defer cancel()
	for {
		err := d.probe(ctx, bucket)
		if err == nil || unusable(err) {
			return err
		}
		select {
		case <-time.After(probePause):
		case <-ctx.Done():
			return err
		}
	}
}

func (d *Destinations) pause() time.Duration { return cmp.Or(d.Pause, 5*time.Second) }

func (d *Destinations) log() *slog.Logger {
	if d.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return d.Log
}
