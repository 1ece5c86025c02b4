package session_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

var whole = []string{ivs.SessionCreated, ivs.StreamStart, ivs.SessionEnded, ivs.StreamEnd}

func TestLifeOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("studio")
		h := open(t, newDisk(ch))
		created := time.Now()
		e := h.admit(t, ch)
		e.headers()
		if err := e.send(1900 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if _, live := h.Stream(ch.ARN); live {
			t.Error("live before the first segment")
		}
		if err := e.send(8 * time.Second); err != nil {
			t.Fatal(err)
		}
		st, live := h.Stream(ch.ARN)
		started := created.Add(2 * time.Second)
		if !live || st.StreamID != e.id || !st.Start.Equal(started) || st.PlaybackURL != h.Addresses.PlaybackURL(ch.ARN) || st.Health != ivs.Healthy {
			t.Errorf("Stream = %+v, %v; want %s since %v", st, live, e.id, started)
		}
		if all := h.Streams(); len(all) != 1 || all[0] != st {
			t.Errorf("Streams = %+v, want what Stream says", all)
		}
		ended := time.Now()
		e.pub.End(nil)
		wait(time.Second)
		if _, live := h.Stream(ch.ARN); live || len(h.Streams()) != 0 {
			t.Error("live after the end")
		}
		s := h.disk.session(e.id)
		if !s.Created.Equal(created) || !s.Started.Equal(started) || !s.IngestEnded.Equal(ended) || !s.Ended.Equal(ended) ||
			!s.LastMedia.Equal(ended.Add(-frame)) {
			t.Errorf("created %v, started %v, media %v, ingest ended %v, ended %v", s.Created, s.Started, s.LastMedia, s.IngestEnded, s.Ended)
		}
		equal(t, "history", h.disk.history(e.id), whole)
		for i, ev := range h.disk.log(e.id) {
			want := []time.Time{created, started, ended, ended}[i]
			if !ev.At.Equal(want) || ev.ChannelName != "studio" || ev.Type != ivs.StreamStateChange || ev.Channel != ch.ARN {
				t.Errorf("event %+v, want it at %v", ev, want)
			}
		}
		if got := h.pipe(0).closed(); !slices.Equal(got, []bool{true}) {
			t.Errorf("pipeline closed as final %v, want once, for good", got)
		}
		if s.Reason != "the encoder ended the stream" || s.HasError {
			t.Errorf("reason %q, error %v", s.Reason, s.HasError)
		}
	})
}

func TestSessionsThatNeverStart(t *testing.T) {
	for _, tc := range []struct {
		name string
		run  func(t *testing.T, e *encoder)
		want string // reason
	}{
		{"leaves at once", func(_ *testing.T, e *encoder) { e.pub.End(nil) }, "the encoder ended the stream"},
		{"leaves before a segment", func(t *testing.T, e *encoder) {
			t.Helper()
			e.headers()
			if err := e.send(time.Second); err != nil {
				t.Error(err)
			}
			e.pub.End(nil)
		}, "the encoder ended the stream"},
		{"sends what the door refuses", func(_ *testing.T, e *encoder) {
			e.pub.End(errors.New("video codec HEVC is not supported\x00"))
		}, "video codec HEVC is not supported"},
		{"sends audio only", func(t *testing.T, e *encoder) {
			t.Helper()
			e.video = nil
			e.pub.SetTracks([]*media.Track{e.audio})
			start := time.Now()
			err := e.send(time.Minute)
			if took := time.Since(start); took < 10*time.Second || took > 12*time.Second {
				t.Errorf("refused after %v, want 10s", took)
			}
			if cause := e.obey(); !errors.Is(err, cause) {
				t.Errorf("WriteUnit said %v, Cause %v", err, cause)
			}
		}, "video is missing: only audio came, and a stream needs H.264 video"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				e := h.admit(t, ch)
				tc.run(t, e)
				synctest.Wait()
				s := h.disk.session(e.id)
				equal(t, "history", h.disk.history(e.id), []string{ivs.SessionCreated, ivs.SessionEnded})
				if !s.Started.IsZero() || !s.Ended.Equal(s.IngestEnded) || s.Ended.IsZero() || !s.StartTime().Equal(s.Created) {
					t.Errorf("started %v, ingest ended %v, ended %v", s.Started, s.IngestEnded, s.Ended)
				}
				if s.Reason != tc.want {
					t.Errorf("reason %q, want %q", s.Reason, tc.want)
				}
				if ivs.CodeOf(h.Stop(t.Context(), ch.ARN)) != ivs.NotLive {
					t.Error("still there to be stopped")
				}
			})
		})
	}
}

// A segment that somebody may have watched makes a stream, even in the moment
// in which the encoder leaves.
func TestLeavesWithTheFirstSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		h.build = func(p *pipeline) error { p.after = 0; return nil }
		e := h.admit(t, ch)
		if err := e.one(); err != nil {
			t.Fatal(err)
		}
		e.pub.End(nil)
		synctest.Wait()
		equal(t, "history", h.disk.history(e.id), whole)
	})
}

func TestEndsOfAStream(t *testing.T) {
	errRead := errors.New("read: connection reset by peer")
	for _, tc := range []struct {
		name   string
		end    func(t *testing.T, h *house, e *encoder)
		reason string
	}{
		{"connection lost", func(_ *testing.T, _ *house, e *encoder) { e.pub.End(errRead) }, errRead.Error()},
		{"StopStream", func(t *testing.T, h *house, e *encoder) {
			t.Helper()
			go func() { _ = e.obey() }()
			arn := h.disk.session(e.id).Channel.Channel.ARN
			if err := h.Stop(t.Context(), arn); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if _, live := h.Stream(arn); live {
				t.Error("live after Stop")
			}
			if err := h.Stop(t.Context(), arn); ivs.CodeOf(err) != ivs.NotLive {
				t.Errorf("second Stop = %v", err)
			}
		}, "the stream was stopped by StopStream"},
		{"pipeline error", func(t *testing.T, h *house, e *encoder) {
			t.Helper()
			p := h.pipe(0)
			p.mu.Lock()
			p.refuse = errors.New("bitstream is broken")
			p.mu.Unlock()
			err := e.one()
			if err == nil || err.Error() != "bitstream is broken" {
				t.Errorf("WriteUnit = %v", err)
			}
			e.pub.End(err)
		}, "bitstream is broken"},
		{"48 hours", func(t *testing.T, _ *house, e *encoder) {
			t.Helper()
			if got, want := e.obey().Error(), "a stream lasts at most 48h0m0s"; got != want {
				t.Errorf("cause %q, want %q", got, want)
			}
		}, "a stream lasts at most 48h0m0s"},
		{"a unit without a track", func(t *testing.T, _ *house, e *encoder) {
			t.Helper()
			err := e.pub.WriteUnit(media.Unit{At: time.Now()})
			if err == nil {
				t.Error("it was taken")
			}
			e.pub.End(err)
		}, "a unit came without its track"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				e := h.admit(t, ch)
				if err := e.send(3 * time.Second); err != nil {
					t.Fatal(err)
				}
				tc.end(t, h, e)
				synctest.Wait()
				s := h.disk.session(e.id)
				got := slices.DeleteFunc(h.disk.history(e.id), func(name string) bool { return name == ivs.StarvationStart })
				equal(t, "history", got, whole)
				if s.Reason != tc.reason {
					t.Errorf("reason %q, want %q", s.Reason, tc.reason)
				}
				if err := e.one(); err == nil {
					t.Error("media is taken after the end")
				}
				if got := h.pipe(0).closed(); !slices.Equal(got, []bool{true}) {
					t.Errorf("pipeline closed as final %v", got)
				}
			})
		})
	}
}

func TestStopDoesNotWaitForADeadDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		if err := e.send(3 * time.Second); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := h.Stop(t.Context(), ch.ARN); err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("Stop = %v after %v, want nil after 5s", err, time.Since(start))
		}
		equal(t, "history", h.disk.history(e.id), whole)
		h.admit(t, ch).pub.End(nil) // the channel is free
		e.pub.End(nil)
	})
}

// The first end counts, whoever comes with a second.
func TestTheFirstEndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		if err := e.send(3 * time.Second); err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		go func() {
			<-e.pub.Done()
			wait(2 * time.Second) // the door tells a slow peer
			e.pub.End(errors.New("write: broken pipe"))
		}()
		if err := h.Stop(t.Context(), ch.ARN); err != nil {
			t.Error(err)
		}
		if took := time.Since(at); took != 2*time.Second {
			t.Errorf("Stop took %v, want until the encoder has been told", took)
		}
		s := h.disk.session(e.id)
		if s.Reason != "the stream was stopped by StopStream" || !s.IngestEnded.Equal(at) {
			t.Errorf("ended at %v because %q, want %v because of StopStream", s.IngestEnded, s.Reason, at)
		}
		if got := e.pub.Cause(); got == nil || got.Error() != s.Reason {
			t.Errorf("Cause = %v", got)
		}
	})
}

// An encoder that leaves in the moment in which it is stopped is ended once.
func TestEndAndStopAtOnce(t *testing.T) {
	ch := testChannel("")
	h := open(t, newDisk(ch))
	h.build = func(p *pipeline) error { p.after = 0; return nil }
	for range 200 {
		e := h.admit(t, ch)
		var all sync.WaitGroup
		all.Go(func() { _ = h.Stop(t.Context(), ch.ARN) })
		all.Go(func() { _ = h.Stop(t.Context(), ch.ARN) })
		all.Go(func() { h.Streams(); h.Stream(ch.ARN) })
		for e.one() == nil && e.n < 5 {
		}
		e.pub.End(nil)
		all.Wait()
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(h.disk.all()); n != 200 {
		t.Errorf("%d sessions, want 200", n)
	}
	for _, s := range h.disk.all() {
		if err := legal(h.disk.history(s.StreamID)); err != nil {
			t.Error(err)
		}
	}
}

func TestStopBeforeTheStreamStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		go func() { _ = e.obey() }()
		if err := h.Stop(t.Context(), ch.ARN); err != nil {
			t.Errorf("Stop = %v", err)
		}
		equal(t, "history", h.disk.history(e.id), []string{ivs.SessionCreated, ivs.SessionEnded})
		if err := h.Stop(t.Context(), testChannel("").ARN); ivs.CodeOf(err) != ivs.NotLive {
			t.Errorf("Stop of an idle channel = %v", err)
		}
	})
}

// A tail that takes long puts time between Session Ended and Stream End.
func TestTailOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		h.build = func(p *pipeline) error {
			p.stuck = make(chan struct{})
			time.AfterFunc(6*time.Second, func() { close(p.stuck) })
			return nil
		}
		e := h.admit(t, ch)
		if err := e.send(3 * time.Second); err != nil {
			t.Fatal(err)
		}
		e.pub.End(nil)
		wait(time.Second)
		equal(t, "history during the tail", h.disk.history(e.id), whole[:3])
		if _, live := h.Stream(ch.ARN); !live {
			t.Error("not live before Stream End")
		}
		wait(3 * time.Second)
		s := h.disk.session(e.id)
		equal(t, "history", h.disk.history(e.id), whole)
		if got := s.Ended.Sub(s.IngestEnded); got != 3*time.Second {
			t.Errorf("Stream End came %v after Session Ended, want 3s", got)
		}
	})
}

func TestIngestFollowsTheEncoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		if err := e.send(time.Second); err != nil {
			t.Fatal(err)
		}
		if in := h.disk.session(e.id).Ingest; in != nil {
			t.Errorf("before the headers: %+v", in)
		}
		e.headers()
		wait(300 * time.Millisecond)
		in := h.disk.session(e.id).Ingest
		video := ivs.VideoIngest{
			Codec: "avc1.64001F", Profile: "High", Level: "3.1", Encoder: "Lavf59.27.100",
			TargetBitrate: 2500000, TargetFramerate: 30, Width: 1280, Height: 720, Track: "Track0",
		}
		audio := ivs.AudioIngest{Codec: "mp4a.40.2", TargetBitrate: 160000, SampleRate: 48000, Channels: 2, Track: "Track0"}
		if in == nil || !slices.Equal(in.Video, []ivs.VideoIngest{video}) || !slices.Equal(in.Audio, []ivs.AudioIngest{audio}) {
			t.Fatalf("ingest %+v, want %+v and %+v", in, video, audio)
		}

		before, _ := h.disk.written()
		for range 100 { // as GStreamer does
			e.pub.Declare(ingest.Declaration{Encoder: "Lavf59.27.100", VideoBitrate: 2500000, AudioBitrate: 160000, Framerate: 30, Width: 1280, Height: 720})
			e.pub.SetTracks([]*media.Track{e.video, e.audio})
			if err := e.send(frame); err != nil {
				t.Fatal(err)
			}
		}
		if after, _ := h.disk.written(); after != before+1 { // Stream Start
			t.Errorf("repeated metadata wrote %d times", after-before-1)
		}

		small := *e.video
		small.Picture = media.Picture{Profile: 77, Level: 30, Width: 640, Height: 360}
		e.video = &small
		e.headers()
		if err := e.send(1500 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		video.Codec, video.Profile, video.Level, video.Width, video.Height = "avc1.4D001E", "Main", "3.0", 640, 360
		if in := h.disk.session(e.id).Ingest; !slices.Equal(in.Video, []ivs.VideoIngest{video}) {
			t.Errorf("after the change %+v, want %+v", in.Video, video)
		}
		e.pub.End(nil)
	})
}

// Metadata that says something else each time costs one write a second.
func TestRestlessMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		e.headers()
		before, _ := h.disk.written()
		for i := range 1000 {
			e.pub.Declare(ingest.Declaration{VideoBitrate: int64(i)})
			if err := e.send(frame); err != nil {
				t.Fatal(err)
			}
		}
		after, _ := h.disk.written()
		if n := after - before; n < 80 || n > 120 {
			t.Errorf("%d writes in 100 s", n)
		}
		e.pub.End(nil)
	})
}

func TestFramerateIsMeasuredWhereNobodyStatesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		e.video.Picture.Framerate = 0
		e.pub.SetTracks([]*media.Track{e.video})
		e.audio = nil
		if err := e.send(time.Second); err != nil {
			t.Fatal(err)
		}
		if v := h.disk.session(e.id).Ingest.Video[0]; v.TargetFramerate != 0 || v.Encoder != "" || v.TargetBitrate != 0 {
			t.Errorf("at first %+v", v)
		}
		if err := e.send(6 * time.Second); err != nil {
			t.Fatal(err)
		}
		if v := h.disk.session(e.id).Ingest.Video[0]; v.TargetFramerate != 10 {
			t.Errorf("frame rate %d, want 10", v.TargetFramerate)
		}
		e.pub.End(nil)
	})
}

func TestStarvation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		health := func() ivs.Health {
			st, _ := h.Stream(ch.ARN)
			return st.Health
		}
		send := func(d time.Duration) {
			t.Helper()
			if err := e.send(d); err != nil {
				t.Fatal(err)
			}
		}
		send(3 * time.Second)
		if got := health(); got != ivs.HealthUnknown {
			t.Errorf("before five seconds %s", got)
		}
		send(5 * time.Second)
		if got := health(); got != ivs.Healthy {
			t.Errorf("after eight seconds %s", got)
		}
		wait(900 * time.Millisecond) // a hiccup
		e.dts += media.TicksOf(900 * time.Millisecond)
		send(5 * time.Second)
		equal(t, "history after a hiccup", h.disk.history(e.id), whole[:2])
		wait(6 * time.Second)
		if got := health(); got != ivs.Starving {
			t.Errorf("after six seconds of nothing %s", got)
		}
		send(10 * time.Second)
		if got := health(); got != ivs.Healthy {
			t.Errorf("ten seconds later %s", got)
		}
		wait(10 * time.Second)
		e.pub.End(errors.New("no media for 30 s"))
		synctest.Wait()
		equal(t, "history", h.disk.history(e.id), []string{
			ivs.SessionCreated, ivs.StreamStart, ivs.StarvationStart, ivs.StarvationEnd, ivs.StarvationStart, ivs.SessionEnded, ivs.StreamEnd,
		})
		for _, ev := range h.disk.log(e.id)[2:5] {
			if ev.Type != ivs.StreamHealthChange {
				t.Errorf("%s is of type %s", ev.Name, ev.Type)
			}
		}
		if h.disk.session(e.id).HasError {
			t.Error("starvation counts as an error")
		}
	})
}

func TestStreamsAreNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testChannel("a"), testChannel("b")
		h := open(t, newDisk(a, b))
		h.build = func(p *pipeline) error { p.after = 0; return nil }
		var es []*encoder
		for _, ch := range []ivs.Channel{a, b} {
			e := h.admit(t, ch)
			if err := e.send(time.Second); err != nil {
				t.Fatal(err)
			}
			es = append(es, e)
		}
		got := h.Streams()
		if len(got) != 2 || got[0].Channel != b.ARN || got[1].Channel != a.ARN {
			t.Errorf("Streams = %+v", got)
		}
		es[1].pub.End(nil)
		synctest.Wait()
		if got := h.Streams(); len(got) != 1 || got[0].Channel != a.ARN {
			t.Errorf("Streams = %+v", got)
		}
		es[0].pub.End(nil)
	})
}

// TestAnEncoderThatComesBackAtOnceIsLetIn has the door read the farewell of the first
// connection after the second has asked.
func TestAnEncoderThatComesBackAtOnceIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("one")
		h := open(t, newDisk(ch))
		first := h.admit(t, ch)
		time.AfterFunc(20*time.Millisecond, func() { first.pub.End(nil) })
		second := h.admit(t, ch)
		if second.id == first.id {
			t.Error("it is in the session of the first")
		}
		began := time.Now()
		if _, err := h.Admit(t.Context(), request(ch)); ivs.CodeOf(err) != ivs.Conflict || time.Since(began) > 200*time.Millisecond {
			t.Errorf("another is answered %v after %v", err, time.Since(began))
		}
		second.pub.End(nil)
	})
}
