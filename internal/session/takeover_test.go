package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// attempt asks to come in with a priority; "": without.
func (h *house) attempt(t *testing.T, ch ivs.Channel, priority string) (*encoder, error) {
	t.Helper()
	q := request(ch)
	if priority != "" {
		q.Query = url.Values{"priority": {priority}}
	}
	pub, err := h.Admit(t.Context(), q)
	if err != nil {
		return nil, err
	}
	e := &encoder{pub: pub, video: videoTrack(), audio: audioTrack()}
	for _, s := range h.disk.all() {
		if s.Channel.Channel.ARN == ch.ARN && s.Ended.IsZero() {
			e.id = s.StreamID
		}
	}
	return e, nil
}

// let is attempt by one that is to be let in.
func (h *house) let(t *testing.T, ch ivs.Channel, priority string) *encoder {
	t.Helper()
	e, err := h.attempt(t, ch, priority)
	if err != nil {
		t.Fatal(err)
	}
	e.headers()
	return e
}

// codes are those of a session's Stream Takeover Failures.
func (d *disk) codes(id string) (all []string) {
	for _, ev := range d.log(id) {
		if ev.Name == ivs.TakeoverFailure {
			all = append(all, ev.Code)
		}
	}
	return all
}

func (d *disk) takeovers(id string) (n int) {
	for _, ev := range d.log(id) {
		if ev.Name == ivs.Takeover {
			n++
		}
	}
	return n
}

func TestATakeoverGoesOnWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		first := h.let(t, ch, "")
		if err := first.send(8 * time.Second); err != nil {
			t.Fatal(err)
		}
		before, _ := h.Stream(ch.ARN)
		second := h.let(t, ch, "5")
		second.dts = 77 * media.Clock // a clock of its own
		second.pub.Declare(ingest.Declaration{Encoder: "the other encoder"})
		if told(first) {
			t.Error("the first has to go before there is media of the second")
		}
		wait(frame / 2) // which pictures must not be apart for ever
		if err := second.one(); err != nil {
			t.Fatal(err)
		}
		if err := first.obey(); err == nil || ivs.CodeOf(err) != ivs.Conflict {
			t.Errorf("the first is told %v", err)
		}
		if err := first.one(); err == nil {
			t.Error("the first may go on")
		}
		first.pub.Declare(ingest.Declaration{Encoder: "gone"})
		first.pub.SetTracks(nil)
		if err := second.send(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		after, live := h.Stream(ch.ARN)
		if !live || after.StreamID != before.StreamID || after.Start != before.Start || after.Health != ivs.Healthy || second.id != first.id {
			t.Errorf("the stream was %+v and is %+v", before, after)
		}
		if in := h.disk.session(first.id).Ingest; in.Video[0].Encoder != "the other encoder" || len(in.Audio) != 1 {
			t.Errorf("the session has %+v, want the newest encoder", in)
		}
		second.pub.End(nil)
		wait(time.Second)
		equal(t, "history", h.disk.history(first.id), []string{ivs.SessionCreated, ivs.StreamStart, ivs.Takeover, ivs.SessionEnded, ivs.StreamEnd})
		p := h.pipe(0)
		if len(h.pipes) != 1 || p.back > 0 || p.gap > media.TicksOf(frame)+1 || p.tracks != 2 {
			t.Errorf("%d pipelines, times went back %d times and left %v at most, %d tracks", len(h.pipes), p.back, p.gap.Duration(), p.tracks)
		}
	})
}

func TestTakeoversThatFail(t *testing.T) {
	for _, tc := range []struct {
		name     string
		priority string
		change   func(e *encoder)
		code     string
	}{
		{"the same priority", "5", nil, ivs.TakeoverInvalidPriority},
		{"a lower one", "4", nil, ivs.TakeoverInvalidPriority},
		{"none that there is", "0", nil, ivs.TakeoverInvalidPriority},
		{"one too high", "2147483648", nil, ivs.TakeoverInvalidPriority},
		{"no number", "high", nil, ivs.TakeoverInvalidPriority},
		{"another resolution", "6", func(e *encoder) { e.video.Picture.Width = 640 }, ivs.TakeoverMediaMismatch},
		{"another coding", "6", func(e *encoder) { e.audio.Codec = "opus" }, ivs.TakeoverMediaMismatch},
		{"a track less", "6", func(e *encoder) { e.audio = nil }, ivs.TakeoverMediaMismatch},
		{"no keyframe", "6", func(*encoder) {}, ivs.TakeoverMediaMismatch},
		{"no priority at all", "", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				first := h.let(t, ch, "5")
				if err := first.send(3 * time.Second); err != nil {
					t.Fatal(err)
				}
				second, err := h.attempt(t, ch, tc.priority)
				if err == nil {
					tc.change(second)
					second.sends()
					for n := 0; err == nil && n < 300; n++ {
						if err := first.one(); err != nil {
							t.Fatal(err)
						}
						if tc.name == "no keyframe" {
							second.n = 1
						}
						err = second.one()
						wait(frame)
					}
					second.pub.End(err)
				}
				if err == nil {
					t.Fatal("it took over")
				}
				if err := first.send(time.Second); err != nil || told(first) {
					t.Errorf("the first does not go on: %v", err)
				}
				want := []string{tc.code}
				if tc.code == "" {
					want = nil
				}
				if got := h.disk.codes(first.id); !slices.Equal(got, want) || h.disk.takeovers(first.id) != 0 {
					t.Errorf("codes %q, want %q", got, want)
				}
				if s := h.disk.session(first.id); s.HasError != (tc.code != "") || !s.Ended.IsZero() {
					t.Errorf("error %v, ended %v", s.HasError, s.Ended)
				}
			})
		})
	}
}

// sends says which tracks are going to come: those there are.
func (e *encoder) sends() {
	var tracks []*media.Track
	for _, t := range []*media.Track{e.video, e.audio} {
		if t != nil {
			tracks = append(tracks, t)
		}
	}
	e.pub.SetTracks(tracks)
}

func TestAStreamIsTakenOverSoOftenAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.let(t, ch, "")
		if err := e.send(time.Second); err != nil {
			t.Fatal(err)
		}
		const most = 100
		for n := range most {
			next := h.let(t, ch, strconv.Itoa(n+1))
			if err := next.send(frame); err != nil {
				t.Fatalf("takeover %d: %v", n+1, err)
			}
			if err := e.obey(); err == nil {
				t.Fatal("the one before is not told why")
			}
			e = next
		}
		if _, err := h.attempt(t, ch, "0"); ivs.CodeOf(err) != ivs.QuotaExceeded {
			t.Errorf("one more: %v", err)
		}
		if err := e.send(2 * time.Second); err != nil {
			t.Error(err)
		}
		if n, codes := h.disk.takeovers(e.id), h.disk.codes(e.id); n != most || !slices.Equal(codes, []string{ivs.TakeoverLimitBreached}) {
			t.Errorf("%d takeovers, codes %q", n, codes)
		}
		e.pub.End(nil)
		wait(time.Second)
		// Nothing is remembered once the stream is over.
		e = h.let(t, ch, "")
		if err := e.send(time.Second); err != nil {
			t.Fatal(err)
		}
		if err := h.let(t, ch, "1").send(frame); err != nil {
			t.Errorf("of the next stream: %v", err)
		}
	})
}

func TestASilentPublisherGivesWay(t *testing.T) {
	for _, tc := range []struct {
		name  string
		sends time.Duration // before it falls silent
		quiet time.Duration
		after time.Duration // setting
		gives bool
	}{
		{"after more than 3 s", 4 * time.Second, 3100 * time.Millisecond, 0, true},
		{"not before", 4 * time.Second, 2800 * time.Millisecond, 0, false},
		{"that never sent anything", 0, 3100 * time.Millisecond, 0, true},
		{"as it is set", 4 * time.Second, 6 * time.Second, 7 * time.Second, false},
		{"not if that is off", 4 * time.Second, 20 * time.Second, -1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				h.ReplaceAfter = tc.after
				first := h.let(t, ch, "")
				if err := first.send(tc.sends); err != nil {
					t.Fatal(err)
				}
				wait(tc.quiet)
				second, err := h.attempt(t, ch, "")
				if (err == nil) != tc.gives {
					t.Fatalf("the second is told %v", err)
				}
				if !tc.gives {
					if told(first) || ivs.CodeOf(err) != ivs.Conflict {
						t.Errorf("the first has to go, or the second is told %v", err)
					}
					return
				}
				if err := first.obey(); err == nil {
					t.Error("the first is not told")
				}
				if second.id == first.id || h.disk.session(first.id).Ended.IsZero() {
					t.Errorf("sessions %s and %s, the first ended %v", first.id, second.id, h.disk.session(first.id).Ended)
				}
				second.headers()
				if err := second.send(4 * time.Second); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestTakeoversKeepToTheModel has publishers come and go at random, and wants of
// each try what a model of three rules says.
func TestTakeoversKeepToTheModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if v, err := strconv.ParseUint(os.Getenv("TAKEOVER_SEED"), 10, 64); err == nil {
		seed = v
	}
	t.Logf("TAKEOVER_SEED=%d repeats this", seed)
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		ch := testChannel("")
		h := open(t, newDisk(ch))
		h.MaxTakeovers = 6
		var holder *encoder
		var current, takeovers int
		var codes []string
		for range 400 {
			priority := rnd.IntN(12) - 1 // -1: none
			text := ""
			if priority >= 0 {
				text = strconv.Itoa(priority)
			}
			odd := rnd.IntN(6) == 0
			var want error
			switch {
			case holder == nil:
			case priority < 0:
				want = errors.New("busy")
			case takeovers == 6:
				codes, want = append(codes, ivs.TakeoverLimitBreached), errors.New("limit")
			case priority == 0 || priority <= current:
				codes, want = append(codes, ivs.TakeoverInvalidPriority), errors.New("priority")
			case odd:
				codes, want = append(codes, ivs.TakeoverMediaMismatch), errors.New("mismatch")
			}
			e, err := h.attempt(t, ch, text)
			if err == nil {
				if odd && holder != nil {
					e.video.Picture.Height = 360
				}
				e.headers()
				err = e.one()
			}
			if (err == nil) != (want == nil) {
				t.Fatalf("priority %d against %d after %d takeovers: %v, want %v", priority, current, takeovers, err, want)
			}
			switch {
			case err != nil && e != nil:
				e.pub.End(err)
			case err == nil && holder == nil:
				holder, current, takeovers, codes = e, max(priority, 0), 0, nil
			case err == nil:
				if holder.obey() == nil || holder.id != e.id {
					t.Fatal("the one before is not told, or the session is another")
				}
				holder, current = e, priority
				takeovers++
			}
			if holder == nil {
				continue
			}
			if err := holder.send(time.Duration(1+rnd.IntN(15)) * frame); err != nil {
				t.Fatal(err)
			}
			if rnd.IntN(12) > 0 {
				continue
			}
			holder.pub.End(nil)
			wait(time.Second)
			if n, got := h.disk.takeovers(holder.id), h.disk.codes(holder.id); n != takeovers || !slices.Equal(got, codes) {
				t.Fatalf("%d takeovers, codes %q; want %d, %q", n, got, takeovers, codes)
			}
			if names := h.disk.history(holder.id); names[0] != ivs.SessionCreated || !slices.Contains(names, ivs.SessionEnded) {
				t.Fatal(fmt.Sprint("history ", names))
			}
			holder = nil
		}
		for i, p := range h.pipes {
			if p.back > 0 {
				t.Errorf("times went back %d times in session %d", p.back, i)
			}
		}
	})
}
