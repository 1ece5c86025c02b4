package record_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/blob/disk"
	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/record"
	"openivs/internal/record/proof"
)

// A studio has a recorder, and a bucket that may misbehave.
type studio struct {
	record.Recorder
	t     *testing.T
	dir   string // of the bucket
	begun time.Time

	mu     sync.Mutex
	puts   int
	events []ivs.Event
	fault  func(s *studio, ctx context.Context) error // befalls each put; nil: nothing does

	renditions []string
	late       map[string]time.Duration  // when renditions come that do not from the beginning
	lens       func(f *hls.Facts)        // changes what renditions seem to be; nil: nothing
	target     time.Duration             // of segments; 0: as usual
	look       func(after time.Duration) // is called with each keyframe; nil: nothing is
}

func newStudio(t *testing.T) *studio {
	t.Helper()
	above := t.TempDir()
	s := &studio{t: t, dir: filepath.Join(above, "demo-bucket"), begun: time.Now()}
	s.Dir = filepath.Join(above, "spool")
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.Bucket = func(string) record.Bucket { return &faulty{&disk.Bucket{Dir: s.dir}, s} }
	tries := 0
	s.Note = func(_ context.Context, ev ivs.Event) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if tries++; tries%2 == 1 {
			return errors.New("the database is away")
		}
		s.events = append(s.events, ev)
		return nil
	}
	return s
}

// A faulty bucket fails as its studio says.
type faulty struct {
	*disk.Bucket
	s *studio
}

func (f *faulty) trouble(ctx context.Context) error {
	f.s.mu.Lock()
	f.s.puts++
	fault := f.s.fault
	f.s.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(f.s, ctx)
}

func (f *faulty) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if err := f.trouble(ctx); err != nil {
		return err
	}
	return f.Bucket.Put(ctx, key, body, size)
}

func (f *faulty) PutFile(ctx context.Context, key, name string) error {
	if err := f.trouble(ctx); err != nil {
		return err
	}
	return f.Bucket.PutFile(ctx, key, name)
}

func (s *studio) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts
}

// names are those of the events so far.
func (s *studio) names() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range s.events {
		out = append(out, ev.Name)
	}
	return out
}

// reason is what the last event says of it.
func (s *studio) reason(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var d ivs.RecordingDetail
	if err := json.Unmarshal(s.events[len(s.events)-1].Detail, &d); err != nil {
		t.Fatal(err)
	}
	return d.Reason
}

func session(t *testing.T, change func(c *ivs.RecordingConfiguration)) ivs.Session {
	t.Helper()
	c := ivs.RecordingConfiguration{State: ivs.RecordingActive, ARN: ivs.NewARN("us-east-1", "123456789012", ivs.KindRecordingConfiguration)}
	c.Destination.S3.Bucket = "demo-bucket"
	c.Complete()
	if change != nil {
		change(&c)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	s := ivs.Session{StreamID: ivs.NewStreamID(), Recording: b}
	s.Channel.Channel = ivs.Channel{ARN: ivs.NewARN("us-east-1", "123456789012", ivs.KindChannel), Name: "a channel", Type: ivs.Standard}
	return s
}

// edges are the sizes of the renditions of a stream.
var edges = map[string]int{"source": 1080, "720p30": 720, "480p30": 480, "160p30": 160}

// play streams for a while, in the time of the bubble, and ends the stream.
func (s *studio) play(t *testing.T, v ivs.Session, length time.Duration, renditions ...string) {
	t.Helper()
	rec := s.Begin(v)
	var packagers []*hls.Packager
	if renditions == nil {
		renditions = []string{"source", "720p30", "480p30", "160p30"}
	}
	for _, name := range renditions {
		w := &hls.Window{Stream: v.StreamID, Rendition: name, Keep: func(w *hls.Window, seg *hls.Segment, f hls.Facts) {
			track := *f.Video
			track.Picture.Height, track.Picture.Width = edges[w.Rendition], edges[w.Rendition]*16/9
			f.Video = &track
			if s.lens != nil {
				s.lens(&f)
			}
			rec.Segment(w, seg, f)
		}}
		if name != "source" {
			w.Name = name
		}
		packagers = append(packagers, &hls.Packager{Window: w, Target: s.target})
	}
	begun, playable := time.Now(), false
	for u := range mediatest.Plain(t).Units(length) {
		if ahead := u.At.Sub(mediatest.Epoch()) - time.Since(begun); ahead > 0 {
			<-time.After(ahead)
		}
		for _, p := range packagers {
			if u.At.Sub(mediatest.Epoch()) < s.late[p.Window.Rendition] {
				continue
			}
			if err := p.WriteUnit(u); err != nil {
				t.Fatal(err)
			}
		}
		if u.Key && u.Track.Kind == media.Video {
			if s.look != nil {
				s.look(u.At.Sub(mediatest.Epoch()))
			}
			rec.Picture(u)
		}
		if !playable && packagers[0].Window.Snapshot().Playable() {
			playable = true
			rec.Playable()
		}
	}
	for _, p := range packagers {
		if err := p.Close(true); err != nil {
			t.Fatal(err)
		}
	}
	rec.End(true)
}

// verify compares the one recording of the bucket with its manifest.
func (s *studio) verify(t *testing.T) (proof.Report, error) {
	t.Helper()
	for _, name := range s.files(t) {
		if p, ok := strings.CutSuffix(name, "/events/recording-started.json"); ok {
			root := os.DirFS(filepath.Join(s.dir, p))
			return proof.Verify(t.Context(), func(_ context.Context, name string) (io.ReadCloser, error) { return root.Open(name) })
		}
	}
	return proof.Report{}, errors.New("there is no recording")
}

// files are the keys of the bucket.
func (s *studio) files(t *testing.T) (all []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(s.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// folders are the renditions of the recording, which have media.
func (s *studio) folders(t *testing.T) (all []string) {
	t.Helper()
	for _, name := range s.files(t) {
		dir := filepath.Dir(name)
		if strings.HasSuffix(name, ".ts") && !slices.Contains(all, filepath.Base(dir)) {
			all = append(all, filepath.Base(dir))
		}
	}
	slices.Sort(all)
	return all
}

func selecting(sel ivs.RenditionSelection, only ...string) func(c *ivs.RecordingConfiguration) {
	return func(c *ivs.RecordingConfiguration) { c.Renditions = ivs.Renditions{Selection: sel, Only: only} }
}

// finish waits until nothing is left to do, or for a week.
func (s *studio) finish(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 7*24*time.Hour)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

var (
	errStatus = errors.New("500 Internal Server Error")
	errDenied = fmt.Errorf("403: %w", fs.ErrPermission)
	errGone   = fmt.Errorf("404: %w", fs.ErrNotExist)
)

// An unkeyed error is a refusal that tells why.
type unkeyed struct{ error }

func (u *unkeyed) Unwrap() error { return u.error }

func (*unkeyed) Reason() string { return "its key cannot be used" }

func TestARecordingFailsOnPurpose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v := newStudio(t), session(t, nil)
		time.AfterFunc(20*time.Second, func() {
			if s.Fail(ivs.NewARN("us-east-1", "123456789012", ivs.KindChannel), "why") {
				t.Error("the recording of a channel failed that has none")
			}
			if !s.Fail(v.Channel.Channel.ARN, "why") {
				t.Error("no recording failed")
			}
		})
		s.play(t, v, 30*time.Second)
		s.finish(t)
		if got, want := s.names(), []string{ivs.RecordingStart, ivs.RecordingEndFailure}; !slices.Equal(got, want) || s.reason(t) != "why" {
			t.Errorf("events %v, want %v", got, want)
		}
		if s.Fail(v.Channel.Channel.ARN, "why") {
			t.Error("a recording failed that is over")
		}
	})
}

// TestFaultsOfBucketsEndInAWholeRecordingOrAReason is every fault, with each
// selection of renditions.
func TestFaultsOfBucketsEndInAWholeRecordingOrAReason(t *testing.T) {
	whole := []string{ivs.RecordingStart, ivs.RecordingEnd}
	for _, tt := range []struct {
		name   string
		limit  int64
		fault  func(s *studio, ctx context.Context) error
		events []string
		reason string
	}{
		{"none", 0, nil, whole, ""},
		{"errors at first", 0, func(s *studio, _ context.Context) error {
			if s.count() < 8 {
				return errStatus
			}
			return nil
		}, whole, ""},
		{"every third fails", 0, func(s *studio, _ context.Context) error {
			if s.count()%3 == 0 {
				return errStatus
			}
			return nil
		}, whole, ""},
		{"some hang", 0, func(s *studio, ctx context.Context) error {
			if s.count()%10 != 4 {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}, whole, ""},
		{"gone for ten minutes", 0, func(s *studio, _ context.Context) error {
			if d := time.Since(s.begun); d > 20*time.Second && d < 10*time.Minute {
				return errStatus
			}
			return nil
		}, whole, ""},
		{"refused for half a minute", 0, func(s *studio, _ context.Context) error {
			if d := time.Since(s.begun); d > 20*time.Second && d < 50*time.Second {
				return errDenied
			}
			return nil
		}, whole, ""},
		{
			"refused from the beginning", 0, func(*studio, context.Context) error { return errDenied },
			[]string{ivs.RecordingStartFailure},
			"AccessDeniedException: the server may not write to bucket demo-bucket",
		},
		{
			"missing", 0, func(*studio, context.Context) error { return errGone },
			[]string{ivs.RecordingStartFailure},
			"ValidationException: bucket demo-bucket is missing or in another region",
		},
		{
			"its key is refused", 0, func(*studio, context.Context) error { return &unkeyed{errDenied} },
			[]string{ivs.RecordingStartFailure},
			"AccessDeniedException: bucket demo-bucket takes no objects: its key cannot be used",
		},
		{"refused midway", 0, func(s *studio, _ context.Context) error {
			if time.Since(s.begun) > 20*time.Second {
				return errDenied
			}
			return nil
		}, []string{ivs.RecordingStart, ivs.RecordingEndFailure}, "AccessDeniedException: the server may not write to bucket demo-bucket"},
		{"gone for longer than the spool lasts", 400_000, func(s *studio, _ context.Context) error {
			if d := time.Since(s.begun); d > 15*time.Second && d < 10*time.Minute {
				return errStatus
			}
			return nil
		}, []string{ivs.RecordingStart, ivs.RecordingEndFailure}, "InternalServerException: the spool cannot be written: recordings that wait for their buckets take all the room that the spool may have"},
	} {
		for _, sel := range []ivs.RenditionSelection{ivs.AllRenditions, ivs.CustomRenditions, ivs.NoRenditions} {
			t.Run(fmt.Sprint(tt.name, " ", sel), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStudio(t)
					s.fault, s.Limit = tt.fault, tt.limit
					s.play(t, session(t, selecting(sel, "SD")), time.Minute)
					s.finish(t)
					events, reason := tt.events, tt.reason
					if tt.limit > 0 && sel == ivs.NoRenditions {
						events, reason = whole, "" // nothing goes into the spool
					}
					if got := s.names(); !slices.Equal(got, events) || s.reason(t) != reason {
						t.Fatalf("events %v, reason %q; want %v, %q", got, s.reason(t), events, reason)
					}
					report, err := s.verify(t)
					switch {
					case reason != "" && err == nil:
						t.Error("the recording passes, though it failed")
					case reason == "" && err != nil:
						t.Error(err)
					case reason == "" && sel != ivs.NoRenditions && (report.Milliseconds < 59_900 || report.Milliseconds > 60_100):
						t.Errorf("it lasts %d ms, want a minute", report.Milliseconds)
					}
					left, err := os.ReadDir(s.Dir)
					if kept := tt.name == "refused midway"; err != nil || len(left) > 0 != kept {
						t.Errorf("left in the spool: %v, %v", left, err)
					}
				})
			})
		}
	}
}

func TestRenditionsAreThoseThatTheConfigurationWants(t *testing.T) {
	for _, tt := range []struct {
		only []string // nil: all of them
		want string
	}{
		{nil, "[1080p30 160p30 480p30 720p30]"},
		{[]string{"SD"}, "[480p30]"},
		{[]string{"HD", "SD"}, "[480p30 720p30]"},
		{[]string{"FULL_HD"}, "[1080p30]"},
		{[]string{"LOWEST_RESOLUTION"}, "[160p30]"},
		{[]string{"LOWEST_RESOLUTION", "FULL_HD"}, "[1080p30 160p30]"},
	} {
		t.Run(fmt.Sprint(tt.only), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStudio(t)
				change := selecting(ivs.CustomRenditions, tt.only...)
				if tt.only == nil {
					change = nil
				}
				s.play(t, session(t, change), 30*time.Second)
				s.finish(t)
				if got := fmt.Sprint(s.folders(t)); got != tt.want {
					t.Errorf("renditions %s, want %s", got, tt.want)
				}
				if r, err := s.verify(t); err != nil || r.Renditions != strings.Count(tt.want, " ")+1 {
					t.Errorf("%+v, %v", r, err)
				}
			})
		})
	}
}

func TestARenditionThatComesLateIsRecordedIfItIsWanted(t *testing.T) {
	for only, want := range map[string]string{
		"HD": "[1080p30 720p30]", "SD": "[480p30]", "FULL_HD": "[1080p30]", "LOWEST_RESOLUTION": "[480p30]",
	} {
		t.Run(only, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStudio(t)
				s.late = map[string]time.Duration{"720p30": 10 * time.Second}
				s.play(t, session(t, selecting(ivs.CustomRenditions, only)), 30*time.Second, "source", "480p30", "720p30")
				s.finish(t)
				if got := fmt.Sprint(s.folders(t)); got != want {
					t.Errorf("renditions %s, want %s", got, want)
				}
				if r, err := s.verify(t); err != nil || r.Renditions != strings.Count(want, " ")+1 {
					t.Errorf("%+v, %v", r, err)
				}
			})
		})
	}
}

func TestAConfigurationThatIsNotActiveRecordsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.play(t, session(t, func(c *ivs.RecordingConfiguration) { c.State = ivs.RecordingCreateFailed }), 10*time.Second)
		s.finish(t)
		if got := s.names(); !slices.Equal(got, []string{ivs.RecordingStartFailure}) || !strings.Contains(s.reason(t), "CREATE_FAILED") {
			t.Errorf("events %v, reason %q", got, s.reason(t))
		}
		if all := s.files(t); len(all) > 0 {
			t.Errorf("stored: %v", all)
		}
	})
}

func TestADiskWithLittleRoomStopsWhatCanWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		full, shots := true, 0
		s.Full = func() string {
			if full {
				return "there is no room"
			}
			return ""
		}
		s.Spare = func() bool { return true }
		s.Thumbnail = func(context.Context, media.Unit, int, int) ([]byte, error) { shots++; return []byte("picture"), nil }
		s.play(t, session(t, nil), 10*time.Second, "480p30")
		<-time.After(10 * time.Second)
		if got := s.names(); !slices.Equal(got, []string{ivs.RecordingStartFailure}) || s.reason(t) != "InternalServerException: there is no room" {
			t.Errorf("events %v, reason %q", got, s.reason(t))
		}
		full = false
		s.play(t, session(t, nil), 10*time.Second, "480p30")
		s.finish(t)
		if _, err := s.verify(t); err != nil || shots > 0 {
			t.Errorf("%d thumbnails are made, want none; %v", shots, err)
		}
	})
}

func TestALongStreamIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.play(t, session(t, nil), 20*time.Minute, "480p30")
		s.finish(t)
		r, err := s.verify(t)
		if err != nil || r.Segments != 120 || r.Milliseconds < 1_199_900 || r.Milliseconds > 1_200_100 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestAnHourTakesNoMoreMemoryThanTenMinutes compares what is left after a collection.
func TestAnHourTakesNoMoreMemoryThanTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.target = 6 * time.Second
		var at []uint64
		due := 10 * time.Minute
		s.look = func(after time.Duration) {
			if after < due {
				return
			}
			due += 49 * time.Minute
			synctest.Wait() // what is written is let go of
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			at = append(at, m.HeapAlloc)
		}
		s.play(t, session(t, nil), time.Hour, "480p30")
		s.finish(t)
		r, err := s.verify(t) // the byte ranges add up to the files, these to the hour
		if err != nil || r.Milliseconds < 3_599_900 || r.Milliseconds > 3_600_100 {
			t.Errorf("%+v, %v", r, err)
		}
		if len(at) != 2 || at[1] > at[0]+512<<10 {
			t.Errorf("the heap had %d bytes after 10 and 59 minutes, want no more than half a MiB more", at)
		}
		for _, name := range s.files(t) {
			info, err := os.Stat(filepath.Join(s.dir, name))
			if err != nil || strings.HasSuffix(name, ".m3u8") && info.Size() > 256<<10 {
				t.Errorf("%s has %d bytes: %v", name, info.Size(), err)
			}
		}
	})
}

func TestThumbnailsComeAtTheirInterval(t *testing.T) {
	for _, tt := range []struct {
		storage    []string
		resolution string
		selection  ivs.RenditionSelection
		want       []string // below media
		size       int      // pixels of height
	}{
		{[]string{"SEQUENTIAL"}, "", ivs.AllRenditions, []string{"thumbnails/thumb0.jpg", "thumbnails/thumb1.jpg", "thumbnails/thumb2.jpg", "thumbnails/thumb3.jpg"}, 0},
		{[]string{"LATEST"}, "SD", ivs.AllRenditions, []string{"latest_thumbnail/thumb.jpg"}, 480},
		{
			[]string{"LATEST", "SEQUENTIAL"},
			"LOWEST_RESOLUTION", ivs.NoRenditions,
			[]string{"latest_thumbnail/thumb.jpg", "thumbnails/thumb0.jpg", "thumbnails/thumb1.jpg", "thumbnails/thumb2.jpg", "thumbnails/thumb3.jpg"},
			160,
		},
	} {
		t.Run(fmt.Sprint(tt.storage), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStudio(t)
				n := 0
				s.Thumbnail = func(_ context.Context, u media.Unit, width, height int) ([]byte, error) {
					if n++; n == 2 {
						return nil, errors.New("it fails once")
					}
					want := tt.size
					if want == 0 {
						want = u.Track.Picture.Height
					}
					if height != want || width == 0 {
						t.Errorf("one of %dx%d is wanted, not of height %d", width, height, want)
					}
					return []byte("picture"), nil
				}
				s.play(t, session(t, func(c *ivs.RecordingConfiguration) {
					c.Thumbnails.Interval, c.Thumbnails.Storage, c.Thumbnails.Resolution = 10, tt.storage, tt.resolution
					c.Renditions.Selection = tt.selection
				}), 39*time.Second)
				s.finish(t)
				var got []string
				for _, name := range s.files(t) {
					if _, rest, _ := strings.Cut(name, "/media/"); strings.HasSuffix(rest, ".jpg") {
						got = append(got, rest)
					}
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("thumbnails %v, want %v", got, tt.want)
				}
				if _, err := s.verify(t); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
