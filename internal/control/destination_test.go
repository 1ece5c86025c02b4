package control_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/control"
	"openivs/internal/ivs"
)

// creating stores configurations that are CREATING, as a server that stopped
// leaves them.
func creating(t *testing.T, r control.Resources[ivs.RecordingConfiguration], buckets ...string) []ivs.ARN {
	t.Helper()
	var arns []ivs.ARN
	for _, b := range buckets {
		c := ivs.RecordingConfiguration{
			ARN:         ivs.NewARN("us-east-1", "123456789012", ivs.KindRecordingConfiguration),
			State:       ivs.RecordingCreating,
			Destination: ivs.Destination{S3: ivs.S3Destination{Bucket: b}},
		}
		if err := r.Create(t.Context(), c, 1000); err != nil {
			t.Fatal(err)
		}
		arns = append(arns, c.ARN)
	}
	return arns
}

func wantState(t *testing.T, r control.Resources[ivs.RecordingConfiguration], arn ivs.ARN, want ivs.RecordingState) {
	t.Helper()
	if c, err := r.Get(t.Context(), arn); err != nil || c.State != want {
		t.Errorf("%s is %s, %v, want %s", c.Destination.S3.Bucket, c.State, err, want)
	}
}

// running runs d until the test calls stop.
func running(t *testing.T, d *control.Destinations) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }() // stop waits for it
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// sleep waits on the clock of the bubble.
func sleep(d time.Duration) { <-time.After(d) }

func TestWhatWasLeftCreatingIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(memory).tables().recordings
		arns := creating(t, r, "good", "missing", "foreign", "away")
		stop := running(t, &control.Destinations{Store: r, Probe: probe})
		synctest.Wait()
		wantState(t, r, arns[0], ivs.RecordingActive)
		for _, arn := range arns[1:3] {
			wantState(t, r, arn, ivs.RecordingCreateFailed)
		}
		sleep(20*time.Second - 1)
		wantState(t, r, arns[3], ivs.RecordingCreating)
		sleep(1)
		synctest.Wait()
		wantState(t, r, arns[3], ivs.RecordingCreateFailed)
		stop()
	})
}

// What keeps a bucket from being reached may pass; only what the bucket itself
// says is for ever.
func TestABucketThatIsAwayForAMomentIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(memory).tables().recordings
		arns := creating(t, r, "good")
		probes := 0
		stop := running(t, &control.Destinations{Store: r, Probe: func(context.Context, string) error {
			if probes++; probes <= 2 {
				return errors.New("connection refused")
			}
			return nil
		}})
		synctest.Wait()
		wantState(t, r, arns[0], ivs.RecordingCreating)
		sleep(10 * time.Second)
		synctest.Wait()
		wantState(t, r, arns[0], ivs.RecordingActive)
		if probes != 3 {
			t.Errorf("the bucket was probed %d times, want until it was there", probes)
		}
		stop()
	})
}

// A probe that hangs is over after its time, and keeps nobody else waiting.
func TestAProbeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(memory).tables().recordings
		arns := creating(t, r, "hangs", "good")
		stop := running(t, &control.Destinations{Store: r, Probe: func(ctx context.Context, bucket string) error {
			if bucket != "hangs" {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}})
		synctest.Wait()
		wantState(t, r, arns[0], ivs.RecordingCreating)
		wantState(t, r, arns[1], ivs.RecordingActive)
		sleep(20 * time.Second)
		synctest.Wait()
		wantState(t, r, arns[0], ivs.RecordingCreateFailed)
		stop()
	})
}

// A server that stops decides nothing about what it was looking at.
func TestAProbeThatIsCutOffSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(memory).tables().recordings
		arns := creating(t, r, "good")
		stop := running(t, &control.Destinations{Store: r, Probe: func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}})
		synctest.Wait()
		stop()
		wantState(t, r, arns[0], ivs.RecordingCreating)
		stop = running(t, &control.Destinations{Store: r, Probe: probe})
		synctest.Wait()
		stop()
		wantState(t, r, arns[0], ivs.RecordingActive)
	})
}

func TestFewBucketsAreProbedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(memory).tables().recordings
		var buckets []string
		for i := range 50 {
			buckets = append(buckets, fmt.Sprint("bucket-", i))
		}
		arns := creating(t, r, buckets...)
		var mu sync.Mutex
		now, most := 0, 0
		stop := running(t, &control.Destinations{Store: r, Probe: func(context.Context, string) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return nil
		}})
		sleep(time.Minute)
		synctest.Wait()
		stop()
		if most != 8 {
			t.Errorf("%d were probed at once, want 8", most)
		}
		for _, arn := range arns {
			wantState(t, r, arn, ivs.RecordingActive)
		}
	})
}

// A sometimes is a table that fails until it is told to work.
type sometimes struct {
	control.Resources[ivs.RecordingConfiguration]

	mu           sync.Mutex
	read, update bool // work
}

var errTable = errors.New("the table is away")

func (s *sometimes) works(which *bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !*which {
		return errTable
	}
	return nil
}

func (s *sometimes) mend(which *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*which = true
}

func (s *sometimes) List(ctx context.Context, after int64, limit int) (ivs.Page[ivs.RecordingConfiguration], error) {
	if err := s.works(&s.read); err != nil {
		return ivs.Page[ivs.RecordingConfiguration]{}, err
	}
	return s.Resources.List(ctx, after, limit)
}

func (s *sometimes) Update(ctx context.Context, arn ivs.ARN, change func(*ivs.RecordingConfiguration) error) (ivs.RecordingConfiguration, error) {
	if err := s.works(&s.update); err != nil {
		return ivs.RecordingConfiguration{}, err
	}
	return s.Resources.Update(ctx, arn, change)
}

func TestAStoreThatIsAwayIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &sometimes{Resources: new(memory).tables().recordings}
		arns := creating(t, table.Resources, "good")
		probes := 0
		stop := running(t, &control.Destinations{Store: table, Probe: func(context.Context, string) error {
			probes++
			return nil
		}})
		sleep(time.Minute)
		table.mend(&table.read)
		sleep(time.Minute)
		wantState(t, table.Resources, arns[0], ivs.RecordingCreating)
		table.mend(&table.update)
		sleep(10 * time.Second)
		synctest.Wait()
		wantState(t, table.Resources, arns[0], ivs.RecordingActive)
		if probes != 1 {
			t.Errorf("the bucket was probed %d times, want once", probes)
		}
		stop()
	})
}

// A new configuration is looked at at once; one that is deleted meanwhile is
// no matter.
func TestANewConfigurationIsLookedAtAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(new(memory))
		s.plane.Destinations.Probe = func(context.Context, string) error {
			sleep(time.Second)
			return nil
		}
		stop := running(t, s.plane.Destinations)
		synctest.Wait()
		s.plane.Addresses.Region = "us-east-1"
		stays, goes := s.createRecording(t, "stays"), s.createRecording(t, "goes")
		if r := s.do("POST", "/DeleteRecordingConfiguration", fmt.Sprintf(`{"arn": %q}`, goes)); r.StatusCode != 204 {
			t.Errorf("DeleteRecordingConfiguration while CREATING answered %d", r.StatusCode)
		}
		sleep(2 * time.Second)
		synctest.Wait()
		wantState(t, s.plane.Recordings, stays, ivs.RecordingActive)
		stop()
	})
}
