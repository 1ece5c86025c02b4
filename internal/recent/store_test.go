package recent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/control"
	"openivs/internal/ivs"
	"openivs/internal/recent"
)

// A database holds channels and keys, counts reads, and can be slow or fail.
type database struct {
	control.Store // what is not there panics

	mu       sync.Mutex
	channels map[ivs.ARN]ivs.Channel
	keys     map[ivs.ARN]ivs.StreamKey
	reads    atomic.Int64
	during   func() // runs within a read, before it looks
	after    func() // runs within a read, after it has looked
	fails    error  // of changes, which are made all the same
}

func (d *database) Channel(_ context.Context, arn ivs.ARN) (ivs.Channel, error) {
	d.reads.Add(1)
	if d.during != nil {
		d.during()
	}
	d.mu.Lock()
	c, ok := d.channels[arn]
	c.Tags = c.Tags.Clone()
	d.mu.Unlock()
	if d.after != nil {
		d.after()
	}
	if !ok {
		return ivs.Channel{}, ivs.Errorf(ivs.NotFound, "none")
	}
	return c, nil
}

// Channels are those with a name, or all.
func (d *database) Channels(_ context.Context, f ivs.ChannelFilter, _ int64, limit int) (p ivs.Page[ivs.Channel], _ error) {
	d.reads.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.channels {
		if len(p.Items) < limit && (f.Name == nil || *f.Name == c.Name) {
			p.Items = append(p.Items, c)
		}
	}
	return p, nil
}

func (d *database) CreateChannel(_ context.Context, c ivs.Channel, _ ivs.StreamKey, _ int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.channels[c.ARN] = c
	return d.fails
}

func (d *database) StreamKey(_ context.Context, arn ivs.ARN) (ivs.StreamKey, error) {
	d.reads.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	k, ok := d.keys[arn]
	if !ok {
		return ivs.StreamKey{}, ivs.Errorf(ivs.NotFound, "none")
	}
	return k, nil
}

func (d *database) UpdateChannel(_ context.Context, arn ivs.ARN, change func(*ivs.Channel, bool) error) (ivs.Channel, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.channels[arn]
	if err := change(&c, false); err != nil {
		return c, err
	}
	d.channels[arn] = c
	return c, d.fails
}

func (d *database) DeleteChannel(_ context.Context, arn ivs.ARN, _ func(bool) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.channels, arn)
	clear(d.keys)
	return d.fails
}

func (d *database) DeleteStreamKey(_ context.Context, arn ivs.ARN) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.keys, arn)
	return d.fails
}

func (d *database) UpdateTags(_ context.Context, arn ivs.ARN, change func(ivs.Tags) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.channels[arn]
	c.Tags = c.Tags.Clone()
	if err := change(c.Tags); err != nil {
		return err
	}
	d.channels[arn] = c
	return d.fails
}

var (
	channel = ivs.ARN{Service: "ivs", Region: "r", Account: "1", Kind: ivs.KindChannel, ID: "c"}
	key     = ivs.ARN{Service: "ivs", Region: "r", Account: "1", Kind: ivs.KindStreamKey, ID: "k"}
)

func open() (*database, *recent.Store) {
	d := &database{
		channels: map[ivs.ARN]ivs.Channel{channel: {ARN: channel, Name: "0", Tags: ivs.Tags{"a": "0"}}},
		keys:     map[ivs.ARN]ivs.StreamKey{key: {ARN: key, Channel: channel, Value: "v", Tags: ivs.Tags{}}},
	}
	return d, recent.New(d, recent.NewHistory(&records{}))
}

func rename(t *testing.T, s *recent.Store, name string) {
	t.Helper()
	_, err := s.UpdateChannel(t.Context(), channel, func(c *ivs.Channel, _ bool) error { c.Name = name; return nil })
	if err != nil {
		t.Error(err)
	}
}

func TestWhatIsReadAgainIsNotAskedFor(t *testing.T) {
	d, s := open()
	for range 5 {
		if c, err := s.Channel(t.Context(), channel); err != nil || c.Name != "0" {
			t.Errorf("Channel = %+v, %v", c, err)
		}
		if k, err := s.StreamKey(t.Context(), key); err != nil || k.Value != "v" {
			t.Errorf("StreamKey = %+v, %v", k, err)
		}
	}
	if got := d.reads.Load(); got != 2 {
		t.Errorf("%d reads, want one of each", got)
	}
}

func TestWhatIsNotThereIsNotRemembered(t *testing.T) {
	d, s := open()
	other := channel
	other.ID = "other"
	if _, err := s.Channel(t.Context(), other); ivs.CodeOf(err) != ivs.NotFound {
		t.Error(err)
	}
	d.channels[other] = ivs.Channel{ARN: other}
	if _, err := s.Channel(t.Context(), other); err != nil {
		t.Errorf("after it was created: %v", err)
	}
}

func TestEveryChangeIsSeenAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, s *recent.Store) error
		want   string // of channel and key
	}{
		{"an update", func(t *testing.T, s *recent.Store) error { t.Helper(); rename(t, s, "1"); return nil }, "1 0 true"},
		{"tags", func(t *testing.T, s *recent.Store) error {
			t.Helper()
			return s.UpdateTags(t.Context(), channel, func(tags ivs.Tags) error { tags["a"] = "1"; return nil })
		}, "0 1 true"},
		{"the end of a key", func(t *testing.T, s *recent.Store) error { t.Helper(); return s.DeleteStreamKey(t.Context(), key) }, "0 0 false"},
		{"the end of a channel", func(t *testing.T, s *recent.Store) error {
			t.Helper()
			return s.DeleteChannel(t.Context(), channel, func(bool) error { return nil })
		}, "  false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, s := open()
			look := func() string {
				c, _ := s.Channel(t.Context(), channel) // one that is gone is the zero one
				_, err := s.StreamKey(t.Context(), key)
				return fmt.Sprint(c.Name, " ", c.Tags["a"], " ", err == nil)
			}
			if got := look(); got != "0 0 true" {
				t.Fatal(got)
			}
			if err := tt.change(t, s); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := look(); got != tt.want {
					t.Errorf("after it %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestTheCallerMayChangeWhatItGets(t *testing.T) {
	_, s := open()
	for range 3 {
		c, err := s.Channel(t.Context(), channel)
		if err != nil || c.Tags["a"] != "0" || len(c.Tags) != 1 {
			t.Fatalf("Channel = %+v, %v", c, err)
		}
		c.Tags["a"], c.Tags["b"] = "mine", "mine"
	}
}

// TestAReadThatAChangeOvertakesIsNotRemembered has the change come when the read
// has already looked.
// TestTagsAreRememberedWithWhatHasThem is about all kinds alike: tags are read with the
// rest, once, and are the caller's own.
func TestTagsAreRememberedWithWhatHasThem(t *testing.T) {
	d, s := open()
	policy := ivs.ARN{Service: "ivs", Region: "r", Account: "1", Kind: ivs.KindPlaybackRestrictionPolicy, ID: "p"}
	p := &policies{v: ivs.RestrictionPolicy{ARN: policy, Name: "0", Tags: ivs.Tags{"a": "0"}}}
	recent.Restrictions(s, p)
	tags := func(arn ivs.ARN, want string) {
		t.Helper()
		got, err := s.Tags(t.Context(), arn)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("tags of a %s: %v, %v; want %s", arn.Kind, got, err, want)
		}
		got["mine"] = "1"
	}
	for range 3 {
		tags(channel, "map[a:0]")
		tags(key, "map[]")
		tags(policy, "map[a:0]")
	}
	if d.reads.Load() != 2 || p.reads != 1 {
		t.Errorf("%d reads of channels and keys, %d of policies; want one of each", d.reads.Load(), p.reads)
	}
	if err := s.UpdateTags(t.Context(), channel, func(tags ivs.Tags) error { tags["b"] = "1"; return nil }); err != nil {
		t.Fatal(err)
	}
	tags(channel, "map[a:0 b:1]")
	p.v.Tags = ivs.Tags{"c": "2"}
	if err := s.UpdateTags(t.Context(), policy, func(ivs.Tags) error { return nil }); err != nil {
		t.Fatal(err)
	}
	tags(policy, "map[c:2]")
	if err := s.DeleteChannel(t.Context(), channel, func(bool) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tags(t.Context(), channel); ivs.CodeOf(err) != ivs.NotFound {
		t.Errorf("tags of what is deleted: %v", err)
	}
}

// TestPagesOfChannelsAreRememberedUntilAChannelChanges reads pages, one by one, after
// each sort of change.
func TestPagesOfChannelsAreRememberedUntilAChannelChanges(t *testing.T) {
	d, s := open()
	other := channel
	other.ID = "other"
	pages := func(after, want string) {
		t.Helper()
		before := d.reads.Load()
		for range 3 {
			got := ""
			for _, f := range []ivs.ChannelFilter{{}, {Name: new("0")}, {Name: new("")}} {
				for _, limit := range []int{1, 10} {
					p, err := s.Channels(t.Context(), f, 0, limit)
					if err != nil {
						t.Error(err)
					}
					got += fmt.Sprint(len(p.Items))
				}
			}
			if got != want {
				t.Errorf("after %s: %s, want %s", after, got, want)
			}
		}
		if n := d.reads.Load() - before; n != 6 {
			t.Errorf("after %s: %d reads, want one for each page", after, n)
		}
	}
	pages("nothing", "111100")
	if err := s.CreateChannel(t.Context(), ivs.Channel{ARN: other}, ivs.StreamKey{}, 10); err != nil {
		t.Fatal(err)
	}
	pages("a channel was made", "121111")
	rename(t, s, "1")
	pages("a channel was renamed", "120011")
	if err := s.UpdateTags(t.Context(), channel, func(ivs.Tags) error { return nil }); err != nil {
		t.Fatal(err)
	}
	pages("tags were changed", "120011")
	if err := s.DeleteChannel(t.Context(), other, func(bool) error { return nil }); err != nil {
		t.Fatal(err)
	}
	pages("a channel was deleted", "110000")
}

func TestAReadThatAChangeOvertakesIsNotRemembered(t *testing.T) {
	d, s := open()
	once := sync.OnceFunc(func() { rename(t, s, "1") })
	d.after = once
	if c, err := s.Channel(t.Context(), channel); err != nil || c.Name != "0" {
		t.Fatalf("Channel = %+v, %v; want what it was when the read looked", c, err)
	}
	if c, err := s.Channel(t.Context(), channel); err != nil || c.Name != "1" {
		t.Errorf("after the change Channel = %+v, %v", c, err)
	}
}

// TestWhileAChangeIsUnderWayMemoryIsNotUsed has somebody see the change before its
// maker is told; nobody after that may see what was before.
func TestWhileAChangeIsUnderWayMemoryIsNotUsed(t *testing.T) {
	d, s := open()
	if _, err := s.Channel(t.Context(), channel); err != nil {
		t.Fatal(err)
	}
	_, err := s.UpdateChannel(t.Context(), channel, func(c *ivs.Channel, _ bool) error {
		before := d.reads.Load()
		d.mu.Unlock()
		defer d.mu.Lock()
		if _, err := s.Channel(t.Context(), channel); err != nil {
			t.Error(err)
		}
		if d.reads.Load() == before {
			t.Error("a read during a change came from memory")
		}
		c.Name = "1"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAChangeThatMayHaveBeenMadeIsDoubted(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails error
		reads int64 // of five
	}{
		{"refused", ivs.Errorf(ivs.Conflict, "live"), 1},
		{"the database is away", ivs.Errorf(ivs.Unavailable, "away"), 5},
		{"nobody knows", errors.New("broken pipe"), 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, s := open()
				d.fails = tt.fails
				if _, err := s.UpdateChannel(t.Context(), channel, func(*ivs.Channel, bool) error { return nil }); !errors.Is(err, tt.fails) {
					t.Fatal(err)
				}
				read := func() int64 {
					before := d.reads.Load()
					for range 5 {
						if _, err := s.Channel(t.Context(), channel); err != nil {
							t.Error(err)
						}
					}
					return d.reads.Load() - before
				}
				if got := read(); got != tt.reads {
					t.Errorf("%d reads of 5 went to the database, want %d", got, tt.reads)
				}
				<-time.After(2 * time.Minute)
				if read(); read() != 0 {
					t.Error("two minutes later nothing is remembered")
				}
			})
		})
	}
}

// TestNobodyReadsWhatIsOver has readers and writers at once: a writer, once told,
// and everybody it tells, reads its own value or a newer one.
func TestNobodyReadsWhatIsOver(t *testing.T) {
	_, s := open()
	var newest atomic.Int64 // name that some writer has been told is there
	var all, writing sync.WaitGroup
	stop := make(chan struct{})
	var n atomic.Int64
	for range 2 {
		writing.Go(func() {
			for range 2000 {
				var mine int64
				_, err := s.UpdateChannel(t.Context(), channel, func(c *ivs.Channel, _ bool) error {
					mine = n.Add(1)
					c.Name = fmt.Sprint(mine)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				for old := newest.Load(); old < mine && !newest.CompareAndSwap(old, mine); old = newest.Load() {
				}
			}
		})
	}
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				least := newest.Load()
				c, err := s.Channel(t.Context(), channel)
				var got int64
				if _, scan := fmt.Sscan(c.Name, &got); err != nil || scan != nil || got < least {
					t.Errorf("read %q, %v; %d was there", c.Name, err, least)
					return
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	all.Wait()
}

func TestMemoryIsBounded(t *testing.T) {
	d, s := open()
	for i := range 20_000 {
		arn := channel
		arn.ID = fmt.Sprint(i)
		d.channels[arn] = ivs.Channel{ARN: arn, Tags: ivs.Tags{}}
		if _, err := s.Channel(t.Context(), arn); err != nil {
			t.Fatal(err)
		}
	}
	before := d.reads.Load()
	for i := range 20_000 {
		arn := channel
		arn.ID = fmt.Sprint(i)
		if _, err := s.Channel(t.Context(), arn); err != nil {
			t.Fatal(err)
		}
	}
	if hits := 20_000 - (d.reads.Load() - before); hits > 8192 {
		t.Errorf("%d of 20,000 are remembered", hits)
	}
}

// A policies is a table with one restriction policy, whose reads are counted.
type policies struct {
	control.Resources[ivs.RestrictionPolicy] // what is not there panics

	v     ivs.RestrictionPolicy
	reads int
}

func (p *policies) Get(context.Context, ivs.ARN) (ivs.RestrictionPolicy, error) {
	p.reads++
	if p.v.Name == "" {
		return ivs.RestrictionPolicy{}, ivs.Errorf(ivs.NotFound, "none")
	}
	return p.v, nil
}

func (p *policies) Update(_ context.Context, _ ivs.ARN, change func(*ivs.RestrictionPolicy) error) (ivs.RestrictionPolicy, error) {
	err := change(&p.v)
	return p.v, err
}

func (p *policies) Delete(context.Context, ivs.ARN, func(bool) error) error {
	p.v = ivs.RestrictionPolicy{}
	return nil
}

func TestOtherResourcesAreRememberedUntilTheyChange(t *testing.T) {
	_, s := open()
	arn := ivs.ARN{Service: "ivs", Region: "r", Account: "1", Kind: ivs.KindPlaybackRestrictionPolicy, ID: "p"}
	p := &policies{v: ivs.RestrictionPolicy{ARN: arn, Name: "0", Tags: ivs.Tags{"a": "0"}}}
	r := recent.Restrictions(s, p)
	reads := func(want int, name string) {
		t.Helper()
		before := p.reads
		for range 3 {
			v, err := r.Get(t.Context(), arn)
			if v.Name != name || (err == nil) != (name != "") {
				t.Errorf("Get = %+v, %v; want name %q", v, err, name)
			}
			if v.Tags != nil {
				v.Tags["mine"] = "1"
			}
		}
		if got := p.reads - before; got != want {
			t.Errorf("%d reads, want %d", got, want)
		}
	}
	reads(1, "0")
	reads(0, "0")
	if _, err := r.Update(t.Context(), arn, func(v *ivs.RestrictionPolicy) error { v.Name = "1"; return nil }); err != nil {
		t.Fatal(err)
	}
	reads(1, "1")
	if err := s.UpdateTags(t.Context(), arn, func(ivs.Tags) error { return nil }); err != nil {
		t.Fatal(err)
	}
	reads(1, "1")
	if err := s.UpdateTags(t.Context(), channel, func(ivs.Tags) error { return nil }); err != nil {
		t.Fatal(err)
	}
	reads(0, "1")
	if len(p.v.Tags) != 1 {
		t.Errorf("a caller changed what is remembered: %v", p.v.Tags)
	}
	if err := r.Delete(t.Context(), arn, func(bool) error { return nil }); err != nil {
		t.Fatal(err)
	}
	reads(3, "")
}

// pairs are a table of playback key pairs that counts reads.
type pairs struct {
	control.Resources[ivs.PlaybackKeyPair]

	list  []ivs.PlaybackKeyPair
	reads int
}

func (p *pairs) List(context.Context, int64, int) (ivs.Page[ivs.PlaybackKeyPair], error) {
	p.reads++
	return ivs.Page[ivs.PlaybackKeyPair]{Items: p.list}, nil
}

func (p *pairs) Create(_ context.Context, k ivs.PlaybackKeyPair, _ int) error {
	p.list = append(slices.Clip(p.list), k)
	return nil
}

func (p *pairs) Delete(context.Context, ivs.ARN, func(bool) error) error {
	p.list = nil
	return nil
}

func TestAllAreRememberedUntilOneComesOrGoes(t *testing.T) {
	_, s := open()
	p := new(pairs)
	r := recent.KeyPairs(s, p)
	expect := func(what string, want, reads int) {
		t.Helper()
		for range 3 {
			if got, err := r.All(t.Context()); err != nil || len(got) != want {
				t.Errorf("%s: %d, %v, want %d", what, len(got), err, want)
			}
		}
		if p.reads != reads {
			t.Errorf("%s: read %d times, want %d", what, p.reads, reads)
		}
	}
	expect("at first", 0, 1)
	for n := 1; n <= 2; n++ {
		if err := r.Create(t.Context(), ivs.PlaybackKeyPair{}, 3); err != nil {
			t.Fatal(err)
		}
		expect("one more", n, 1+n)
	}
	if err := r.Delete(t.Context(), ivs.ARN{}, nil); err != nil {
		t.Fatal(err)
	}
	expect("after they went", 0, 4)
}

func BenchmarkChannel(b *testing.B) {
	_, s := open()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Channel(b.Context(), channel); err != nil {
			b.Fatal(err)
		}
	}
}

// A configurations is a table with one recording configuration, whose reads are
// counted.
type configurations struct {
	control.Resources[ivs.RecordingConfiguration] // what is not there panics

	v     ivs.RecordingConfiguration
	reads int
}

func (c *configurations) Get(context.Context, ivs.ARN) (ivs.RecordingConfiguration, error) {
	c.reads++
	return c.v, nil
}

func (c *configurations) Update(_ context.Context, _ ivs.ARN, change func(*ivs.RecordingConfiguration) error) (ivs.RecordingConfiguration, error) {
	err := change(&c.v)
	return c.v, err
}

func TestRecordingConfigurationsAreRememberedUntilTheirStateChanges(t *testing.T) {
	_, s := open()
	arn := ivs.ARN{Service: "ivs", Region: "r", Account: "1", Kind: ivs.KindRecordingConfiguration, ID: "p"}
	c := &configurations{v: ivs.RecordingConfiguration{ARN: arn, State: ivs.RecordingCreating, Tags: ivs.Tags{}}}
	r := recent.Recordings(s, c)
	for i, step := range []struct {
		change func() error
		state  ivs.RecordingState
	}{
		{func() error { return nil }, ivs.RecordingCreating},
		{func() error { // as control.Destinations does
			_, err := r.Update(t.Context(), arn, func(v *ivs.RecordingConfiguration) error { v.State = ivs.RecordingActive; return nil })
			return err
		}, ivs.RecordingActive},
		{func() error { return s.UpdateTags(t.Context(), arn, func(ivs.Tags) error { return nil }) }, ivs.RecordingActive},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if v, err := r.Get(t.Context(), arn); err != nil || v.State != step.state {
				t.Errorf("Get = %+v, %v; want %s", v, err, step.state)
			}
		}
		if c.reads != i+1 {
			t.Errorf("%d reads after %d changes, want one each", c.reads, i)
		}
	}
}
