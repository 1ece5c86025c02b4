package session_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/session"
)

// TestWhatIsBeyondTheLimitsEndsAtOnce has encoders say of their media what is not
// taken, and looks at what they and the session are told.
func TestWhatIsBeyondTheLimitsEndsAtOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		picture func(*media.Picture)
		sound   func(*media.Sound)
		says    string
		event   string
		detail  string
	}{
		"a long edge": {
			picture: func(p *media.Picture) { p.Width, p.Height = 2000, 500 }, says: "no edge may have more than 1920",
			event:  "Ingest Resolution",
			detail: `{"limit_name":"Ingest Resolution","limit":"Ingest Resolution","limit_value":1920,"exceeded_by":80,"limit_unit":"pixels per edge"}`,
		},
		"too many pixels": {
			picture: func(p *media.Picture) { p.Width, p.Height = 1900, 1200 }, says: "set the encoder to 1920x1080",
			event:  "Ingest Resolution",
			detail: `{"limit_name":"Ingest Resolution","limit":"Ingest Resolution","limit_value":2100000,"exceeded_by":180000,"limit_unit":"total pixels"}`,
		},
		"4:4:4":      {picture: func(p *media.Picture) { p.HighChroma = true }, says: "4:2:0"},
		"10 bits":    {picture: func(p *media.Picture) { p.Deep = true }, says: "8-bit"},
		"interlaced": {picture: func(p *media.Picture) { p.Interlaced = true }, says: "progressive"},
		"5.1":        {sound: func(s *media.Sound) { s.Channels = 6 }, says: "mono or stereo"},
		"32 kHz":     {sound: func(s *media.Sound) { s.SampleRate = 32000 }, says: "44100 or 48000"},
		"AAC Main":   {sound: func(s *media.Sound) { s.ObjectType = 1 }, says: "AAC-LC"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("a")
				h := open(t, newDisk(ch))
				e := h.admit(t, ch)
				if tc.picture != nil {
					tc.picture(&e.video.Picture)
				}
				if tc.sound != nil {
					tc.sound(&e.audio.Sound)
				}
				e.headers()
				err := e.obey()
				wantCode(t, "the cause", err, ivs.Invalid)
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("the streamer is told %q, want %q in it", err, tc.says)
				}
				wait(time.Second)
				want := []string{"Session Created", tc.event, "Session Ended"}
				want = slices.DeleteFunc(want, func(s string) bool { return s == "" })
				if got := h.disk.history(e.id); !slices.Equal(got, want) {
					t.Errorf("events %q, want %q", got, want)
				}
				s := h.disk.session(e.id)
				if s.HasError != (tc.event != "") || s.Reason == "" || s.Ended.IsZero() {
					t.Errorf("session %+v", s)
				}
				if tc.event != "" {
					if ev := h.disk.log(e.id)[1]; string(ev.Detail) != tc.detail || ev.Type != ivs.LimitBreach {
						t.Errorf("event %s with\n%s, want\n%s", ev.Type, ev.Detail, tc.detail)
					}
				}
			})
		})
	}
}

// TestSizesThatAreTaken are those at the limits.
func TestSizesThatAreTaken(t *testing.T) {
	for _, size := range [][2]int{{1920, 1080}, {1080, 1920}, {1920, 1093}, {1440, 1440}, {16, 16}} {
		synctest.Test(t, func(t *testing.T) {
			ch := testChannel("a")
			h := open(t, newDisk(ch))
			e := h.admit(t, ch)
			e.video.Picture.Width, e.video.Picture.Height = size[0], size[1]
			e.headers()
			if err := e.send(time.Second); err != nil {
				t.Errorf("%v: %v", size, err)
			}
			e.pub.End(nil)
		})
	}
}

// TestBitrateIsJudgedOverTenSeconds sends around the limits of each channel type.
func TestBitrateIsJudgedOverTenSeconds(t *testing.T) {
	for name, tc := range map[string]struct {
		typ    ivs.ChannelType
		height int
		kbps   int
		limit  int64 // 0: it is taken
	}{
		"STANDARD":           {ivs.Standard, 1080, 9_700, 8_500_000},
		"STANDARD, a little": {ivs.Standard, 1080, 9_000, 0},
		"ADVANCED_SD":        {ivs.AdvancedSD, 720, 9_700, 8_500_000},
		"BASIC 720p":         {ivs.Basic, 720, 4_000, 3_500_000},
		"BASIC 720p, less":   {ivs.Basic, 720, 3_400, 0},
		"BASIC 480p":         {ivs.Basic, 480, 2_000, 1_500_000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("a")
				ch.Type = tc.typ
				h := open(t, newDisk(ch))
				e := h.admit(t, ch)
				e.video.Picture.Width, e.video.Picture.Height = tc.height*16/9, tc.height
				e.headers()
				begin := time.Now()
				var err error
				for n := 0; err == nil && n < 200; n++ {
					dts := media.TicksOf(time.Duration(n) * frame)
					err = e.pub.WriteUnit(media.Unit{
						Track: e.video, DTS: dts, PTS: dts, Key: n%10 == 0, At: time.Now(), Data: make([]byte, tc.kbps*1000/8/10),
					})
					wait(frame)
				}
				took := time.Since(begin)
				e.pub.End(nil)
				wait(time.Second)
				breach, ok := errors.AsType[*ivs.LimitError](err)
				if ok != (tc.limit > 0) {
					t.Fatalf("the encoder is told %v after %v", err, took)
				}
				if !ok {
					return
				}
				if took < 10*time.Second || took > 13*time.Second {
					t.Errorf("it took %v, want ten seconds", took)
				}
				if breach.Allowed != tc.limit || breach.Exceeded < int64(tc.kbps)*950-tc.limit || breach.Exceeded > int64(tc.kbps)*1050-tc.limit {
					t.Errorf("limit %d exceeded by %d", breach.Allowed, breach.Exceeded)
				}
				if got := h.disk.history(e.id); !slices.Contains(got, "Ingest Bitrate") || !h.disk.session(e.id).HasError {
					t.Errorf("events %q", got)
				}
			})
		})
	}
}

// TestTooManyPicturesASecondAreRefused measures, as headers may be wrong.
func TestTooManyPicturesASecondAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("a")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		e.headers()
		var err error
		for n := 0; err == nil && n < 2000; n++ {
			dts := media.Ticks(n * 750) // 120 a second
			err = e.pub.WriteUnit(media.Unit{Track: e.video, DTS: dts, PTS: dts, Key: n%60 == 0, At: time.Now(), Data: make([]byte, 1000)})
			wait(time.Second / 120)
		}
		e.pub.End(nil)
		if err == nil || !strings.Contains(err.Error(), "at most 60") {
			t.Errorf("the encoder is told %v", err)
		}
	})
}

// TestAStreamThatCannotBeProcessedFails has the pipeline refuse it.
func TestAStreamThatCannotBeProcessedFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("a")
		h := open(t, newDisk(ch))
		refusal := &ivs.FailureError{Reason: ivs.CapacityExceeded, Err: ivs.Errorf(ivs.Unavailable, "no capacity")}
		h.build = func(p *pipeline) error {
			p.refuse = refusal
			return nil
		}
		e := h.admit(t, ch)
		e.headers()
		wantCode(t, "a unit", e.one(), ivs.Unavailable)
		e.pub.End(refusal)
		wait(time.Second)
		if got, want := h.disk.history(e.id), []string{"Session Created", "Stream Failure", "Session Ended"}; !slices.Equal(got, want) {
			t.Fatalf("events %q, want %q", got, want)
		}
		ev := h.disk.log(e.id)[1]
		var detail map[string]string
		if err := json.Unmarshal(ev.Detail, &detail); err != nil || detail["reason"] != ivs.CapacityExceeded || ev.Type != ivs.StreamStateChange {
			t.Errorf("%s %s", ev.Type, ev.Detail)
		}
		if !h.disk.session(e.id).HasError {
			t.Error("hasErrorEvent is false")
		}
	})
}

// TestKeyframeIntervalComesFromTheAddress looks at what the pipeline is told.
func TestKeyframeIntervalComesFromTheAddress(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"2": 2 * time.Second, "6": 6 * time.Second, "1": 0, "7": 0, "": 0, "4.5": 0, "-2": 0, "four": 0, "99999999999999999999": 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			ch := testChannel("a")
			h := open(t, newDisk(ch))
			var told time.Duration
			next := h.Open
			h.Open = func(s ivs.Session) (session.Pipeline, error) {
				told = s.KeyEvery
				return next(s)
			}
			q := request(ch)
			q.Query = url.Values{"keyframeInterval": {value}}
			pub, err := h.Admit(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			pub.End(nil)
			if told != want {
				t.Errorf("keyframeInterval=%s: %v, want %v", value, told, want)
			}
		})
	}
}
