package record_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/record"
)

// another is a session of another stream of the channel of first.
func another(first ivs.Session) ivs.Session {
	first.StreamID = ivs.NewStreamID()
	return first
}

func withWindow(seconds int) func(c *ivs.RecordingConfiguration) {
	return func(c *ivs.RecordingConfiguration) { c.ReconnectWindow = seconds }
}

// recordings are the directories of the recordings in the bucket that are over, the
// oldest first as far as their minute.
func (s *studio) recordings(t *testing.T) (dirs []string) {
	t.Helper()
	for _, name := range s.files(t) {
		if p, ok := strings.CutSuffix(name, "/events/recording-ended.json"); ok {
			dirs = append(dirs, filepath.Join(s.dir, p))
		}
	}
	return dirs
}

// ends are what the Recording Ends so far say.
func (s *studio) ends(t *testing.T) (all []ivs.RecordingDetail) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range s.events {
		if ev.Name != ivs.RecordingEnd {
			continue
		}
		var d ivs.RecordingDetail
		if err := json.Unmarshal(ev.Detail, &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// restart ends the recorder as a server that stops does, and has another one go on.
func (s *studio) restart(away time.Duration) {
	t := s.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	<-time.After(away)
	s.Recorder = record.Recorder{Dir: s.Dir, Bucket: s.Bucket, Note: s.Note}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// away has the bucket refuse everything for a time.
func away(d time.Duration) func(*studio, *ivs.Session) {
	return func(s *studio, _ *ivs.Session) {
		from := time.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fault = func(*studio, context.Context) error {
			if time.Since(from) < d {
				return errStatus
			}
			return nil
		}
	}
}

// TestStreamsBecomeOneRecordingIfAllIsAlike is each condition of merging, with one
// stream that does not meet it. Streams last 20 s, the window is 60 s.
func TestStreamsBecomeOneRecordingIfAllIsAlike(t *testing.T) {
	const length = 20 * time.Second
	other := func(change func(f *hls.Facts)) func(s *studio, v *ivs.Session) {
		return func(s *studio, _ *ivs.Session) { s.lens = change }
	}
	for _, tt := range []struct {
		name   string
		window int // seconds
		gap    time.Duration
		change func(s *studio, v *ivs.Session)
		merged bool
	}{
		{"alike", 60, 10 * time.Second, nil, true},
		{"at once", 60, time.Millisecond, nil, true},
		{"at the end of the window", 60, 59 * time.Second, nil, true},
		{"after the window", 60, 61 * time.Second, nil, false},
		{"without a window", 0, time.Millisecond, nil, false},
		{"another size", 60, time.Second, other(func(f *hls.Facts) { f.Video.Picture.Width-- }), false},
		{"another frame rate", 60, time.Second, other(func(f *hls.Facts) { f.Framerate *= 2 }), false},
		{"a frame rate that is measured anew", 60, time.Second, other(func(f *hls.Facts) { f.Framerate += 0.02 }), true},
		{"another video codec", 60, time.Second, other(func(f *hls.Facts) { f.Video.Codec = "vp9" }), false},
		{"another profile", 60, time.Second, other(func(f *hls.Facts) { f.Video.Picture.Profile++ }), true},
		{"no audio", 60, time.Second, other(func(f *hls.Facts) { f.Audio = nil }), false},
		{"half the bit rate", 60, time.Second, other(func(f *hls.Facts) { f.Average = f.Average * 6 / 10 }), true},
		{"less than half the bit rate", 60, time.Second, other(func(f *hls.Facts) { f.Average = f.Average * 4 / 10 }), false},
		{"far more than the bit rate", 60, time.Second, other(func(f *hls.Facts) { f.Average = f.Average * 16 / 10 }), false},
		{"two days after the first", 50 * 3600, 49 * time.Hour, nil, false},
		{"fewer renditions", 60, time.Second, func(s *studio, _ *ivs.Session) { s.renditions = s.renditions[:1] }, false},
		{"another configuration", 60, time.Second, func(_ *studio, v *ivs.Session) {
			v.Recording = session(t, withWindow(60)).Recording
		}, false},
		{"another container", 60, time.Second, func(_ *studio, v *ivs.Session) { v.Channel.Channel.Container = ivs.FragmentedMP4 }, false},
		{"another channel", 60, time.Second, func(_ *studio, v *ivs.Session) {
			v.Channel.Channel.ARN = session(t, nil).Channel.Channel.ARN
		}, false},
		{"what came before is not stored", 60, time.Second, away(30 * time.Second), false},
		{"what came before is stored late", 60, time.Second, away(4 * time.Second), true},
		{"after a restart", 60, time.Second, func(s *studio, _ *ivs.Session) { s.restart(50 * time.Second) }, true},
		{"after a long restart", 60, time.Second, func(s *studio, _ *ivs.Session) { s.restart(65 * time.Second) }, false},
	} {
		for _, sel := range []ivs.RenditionSelection{ivs.AllRenditions, ivs.CustomRenditions, ivs.NoRenditions} {
			t.Run(fmt.Sprint(tt.name, " ", sel), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStudio(t)
					s.renditions = []string{"source", "480p30"}
					first := session(t, func(c *ivs.RecordingConfiguration) {
						withWindow(tt.window)(c)
						selecting(sel, "SD")(c)
					})
					s.play(t, first, length, s.renditions...)
					second := another(first)
					if strings.HasPrefix(tt.name, "what came before") {
						tt.change(s, &second)
					}
					<-time.After(tt.gap)
					if tt.change != nil && s.fault == nil {
						tt.change(s, &second)
					}
					s.play(t, second, length, s.renditions...)
					merged := tt.merged || sel == ivs.NoRenditions && tt.name == "what came before is not stored" // there is nothing
					s.wantTold(t, 2*length, merged, first, second)
					if merged {
						s.wantJoined(t, 2*length, sel)
					}
				})
			})
		}
	}
}

// wantTold looks at the events about two streams.
func (s *studio) wantTold(t *testing.T, length time.Duration, merged bool, first, second ivs.Session) {
	t.Helper()
	over := time.Now()
	var conf ivs.RecordingConfiguration
	if err := json.Unmarshal(second.Recording, &conf); err != nil {
		t.Fatal(err)
	}
	window := conf.ReconnectWindow
	<-time.After(time.Duration(window+90) * time.Second) // a bucket may be away
	s.finish(t)
	ends := s.ends(t)
	if !merged {
		if len(ends) != 2 || ends[0].Prefix == ends[1].Prefix || len(ends[0].StreamIDs)+len(ends[1].StreamIDs) != 2 {
			t.Errorf("%+v", ends)
		}
		return
	}
	want := []string{first.StreamID, second.StreamID}
	if len(ends) != 1 || !slices.Equal(ends[0].StreamIDs, want) {
		t.Fatalf("%+v, want one of streams %v", ends, want)
	}
	if got := s.names(); !slices.Equal(got, []string{ivs.RecordingStart, ivs.RecordingEnd}) {
		t.Errorf("events %v", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.events[len(s.events)-1]
	if after := last.At.Sub(over); last.StreamID != second.StreamID || after < time.Duration(window)*time.Second-time.Second {
		t.Errorf("the end is told of %s, %v after it; want it of %s, after the window", last.StreamID, after, second.StreamID)
	}
	if d := time.Duration(ends[0].Length) * time.Millisecond; ends[0].Length != 0 && (d < length-100*time.Millisecond || d > length+100*time.Millisecond) {
		t.Errorf("it lasts %v, want %v", d, length)
	}
}

// wantJoined looks at the one recording there is.
func (s *studio) wantJoined(t *testing.T, length time.Duration, sel ivs.RenditionSelection) {
	t.Helper()
	dirs := s.recordings(t)
	r, err := s.verify(t)
	if err != nil || len(dirs) != 1 {
		t.Fatalf("recordings %v: %v", dirs, err)
	}
	if sel == ivs.NoRenditions {
		return
	}
	if d := time.Duration(r.Milliseconds) * time.Millisecond; d < length-100*time.Millisecond || d > length+100*time.Millisecond {
		t.Errorf("it lasts %v, want %v", d, length)
	}
	lists := 0
	err = fs.WalkDir(os.DirFS(dirs[0]), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "playlist.m3u8") {
			return err
		}
		lists++
		b, err := os.ReadFile(filepath.Join(dirs[0], name))
		if n, dates := strings.Count(string(b), "#EXT-X-DISCONTINUITY\n"), strings.Count(string(b), "#EXT-X-PROGRAM-DATE-TIME:"); n != 1 || dates != 2 || !strings.HasSuffix(string(b), "#EXT-X-ENDLIST\n") {
			t.Errorf("%s, want one discontinuity with a date, and an end:\n%s", name, b)
		}
		return err
	})
	if want := map[ivs.RenditionSelection]int{ivs.AllRenditions: 2, ivs.CustomRenditions: 1}[sel]; err != nil || lists != want {
		t.Errorf("%d playlists, want %d: %v", lists, want, err)
	}
}

func TestTwentyOneStreamsBecomeARecordingAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		v := session(t, withWindow(30))
		for range 23 {
			s.play(t, v, 12*time.Second, "480p30")
			<-time.After(5 * time.Second)
			v = another(v)
		}
		s.finish(t)
		s.restart(time.Minute)
		s.finish(t)
		ends := s.ends(t)
		if len(ends) != 2 || len(ends[0].StreamIDs)+len(ends[1].StreamIDs) != 23 || max(len(ends[0].StreamIDs), len(ends[1].StreamIDs)) != 21 {
			t.Errorf("%+v", ends)
		}
		if _, err := s.verify(t); err != nil {
			t.Error(err)
		}
	})
}

func TestThumbnailsOfMergedStreamsAreNumberedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.Thumbnail = func(context.Context, media.Unit, int, int) ([]byte, error) { return []byte("picture"), nil }
		v := session(t, func(c *ivs.RecordingConfiguration) {
			c.ReconnectWindow, c.Thumbnails.Interval, c.Thumbnails.Storage = 30, 10, []string{"SEQUENTIAL", "LATEST"}
		})
		for range 2 {
			s.play(t, v, 19*time.Second, "480p30")
			<-time.After(5 * time.Second)
			v = another(v)
		}
		<-time.After(time.Minute)
		s.finish(t)
		var got []string
		for _, name := range s.files(t) {
			if strings.Contains(name, "/thumbnails/") {
				got = append(got, filepath.Base(name))
			}
		}
		if want := []string{"thumb0.jpg", "thumb1.jpg", "thumb2.jpg", "thumb3.jpg"}; !slices.Equal(got, want) {
			t.Errorf("thumbnails %v, want %v", got, want)
		}
	})
}

func TestAStreamThatCannotBeWatchedHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		first := session(t, withWindow(30))
		s.play(t, first, 20*time.Second, "480p30")
		<-time.After(10 * time.Second)
		rec := s.Begin(another(first))
		<-time.After(time.Minute) // beyond the window
		if n := len(s.ends(t)); n > 0 {
			t.Errorf("%d recordings are over while a stream may go on with one", n)
		}
		rec.End(true)
		<-time.After(5 * time.Second)
		if ends := s.ends(t); len(ends) != 1 || len(ends[0].StreamIDs) != 1 {
			t.Errorf("%+v, want the end of the first stream's", ends)
		}
		s.finish(t)
	})
}
