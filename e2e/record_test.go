package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// wholeRecorded is the order of the events of a session that was recorded.
var wholeRecorded = []string{"Session Created", "Stream Start", "Recording Start", "Session Ended", "Stream End", "Recording End"}

// recordedTo has a channel recorded.
func recordedTo(arn string) func(*ivs.CreateChannelInput) {
	return func(in *ivs.CreateChannelInput) { in.RecordingConfigurationArn = &arn }
}

func inContainer(format types.ContainerFormat) func(*ivs.CreateChannelInput) {
	return func(in *ivs.CreateChannelInput) { in.ContainerFormat = format }
}

// recorded waits until a session has an event about the end of its recording.
func (c channel) recorded(id string) *types.StreamSession {
	c.t.Helper()
	var session *types.StreamSession
	until(c.t, overIn, "the recording is over", func() (bool, string) {
		session = c.session(id)
		all := names(session)
		return slices.Contains(all, "Recording End") || slices.Contains(all, "Recording End Failure") ||
			slices.Contains(all, "Recording Start Failure"), fmt.Sprint(all)
	})
	return session
}

// files are the paths of all files below a directory.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// pictures counts the pictures of what a playlist lists, as ffprobe finds them.
func pictures(t *testing.T, playlist string) int {
	t.Helper()
	out := command(t, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts", "-of", "csv=p=0",
		"-allowed_extensions", "ALL", playlist)
	n := 0
	for line := range bytes.Lines(out) {
		if len(bytes.Trim(line, ",\n")) > 0 { // not that of its side data
			n++
		}
	}
	return n
}

// recordings are the prefixes of the recordings in the directories of a server.
func recordings(t *testing.T, s *running) (dirs []string) {
	t.Helper()
	for _, f := range files(t, filepath.Join(s.Data, "buckets")) {
		if dir, ok := strings.CutSuffix(f, "/events/recording-started.json"); ok {
			dirs = append(dirs, filepath.Join(s.Data, "buckets", filepath.FromSlash(dir)))
		}
	}
	return dirs
}

// TestAStreamIsRecorded publishes a clip three times over and looks for every
// picture of it in the bucket.
func TestAStreamIsRecorded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	conf := s.recording(t, "demo-bucket")
	c := encode(t, small, voice)
	for _, format := range []types.ContainerFormat{types.ContainerFormatTs, types.ContainerFormatFragmentedMP4} {
		t.Run(string(format), func(t *testing.T) {
			ch := s.in(t).channel(t, recordedTo(conf), inContainer(format))
			before := recordings(t, s)
			enc := ffmpeg(t, "-re", "-stream_loop", "2", "-i", c.file, "-c", "copy", "-f", "flv", ch.rtmp())
			if err := enc.left(clipSeconds*4*1e9 + liveIn); err != nil {
				t.Fatal(err)
			}
			over := ch.recorded("")
			if got := names(over); !slices.Equal(got, wholeRecorded) {
				t.Errorf("events %v, want %v", got, wholeRecorded)
			}
			if r := over.RecordingConfiguration; r == nil || str(r.Arn) != conf || r.State != types.RecordingConfigurationStateActive {
				t.Errorf("the session's recording configuration is %s", show(t, r))
			}
			dirs := slices.DeleteFunc(recordings(t, s), func(d string) bool { return slices.Contains(before, d) })
			if len(dirs) != 1 {
				t.Fatalf("recordings %v, want one", dirs)
			}
			rel, _ := filepath.Rel(filepath.Join(s.Data, "buckets"), dirs[0])
			layout := regexp.MustCompile(`^demo-bucket/ivs/v1/` + s.At.Account + `/` + ch.arn[strings.LastIndex(ch.arn, "/")+1:] + `/20\d\d/[1-9]\d?/[1-9]\d?/(0|[1-9]\d?)/(0|[1-9]\d?)/[0-9A-Za-z]{12}$`)
			if !layout.MatchString(filepath.ToSlash(rel)) {
				t.Errorf("it is at %s", rel)
			}
			wantRecording(t, dirs[0], 3*clipSeconds*30)
			if left := files(t, filepath.Join(s.Data, "recordings")); len(left) > 0 {
				t.Errorf("left in the spool: %v", left)
			}
		})
	}
}

// wantRecording looks at a whole recording of one rendition with so many pictures.
func wantRecording(t *testing.T, dir string, frames int) {
	t.Helper()
	meta := readJSON[struct {
		Status string `json:"recording_status"`
		Media  struct {
			HLS struct {
				Duration   int64  `json:"duration_ms"`
				Path       string `json:"path"`
				Playlist   string `json:"playlist"`
				ByteRange  string `json:"byte_range_playlist"`
				Renditions []struct {
					Path      string `json:"path"`
					Playlist  string `json:"playlist"`
					ByteRange string `json:"byte_range_playlist"`
					Height    int    `json:"resolution_height"`
					Width     int    `json:"resolution_width"`
				} `json:"renditions"`
			} `json:"hls"`
		} `json:"media"`
	}](t, filepath.Join(dir, "events/recording-ended.json"))
	if meta.Status != "RECORDING_ENDED" || len(meta.Media.HLS.Renditions) != 1 {
		t.Fatalf("metadata %+v", meta)
	}
	r := meta.Media.HLS.Renditions[0]
	if r.Path != "180p30" || r.Width != small.width || r.Height != small.height {
		t.Errorf("rendition %+v", r)
	}
	if ms := int64(frames) * 1000 / 30; meta.Media.HLS.Duration < ms-100 || meta.Media.HLS.Duration > ms+100 {
		t.Errorf("it lasts %d ms, want about %d", meta.Media.HLS.Duration, ms)
	}
	hls := filepath.Join(dir, meta.Media.HLS.Path)
	for _, playlist := range []string{
		filepath.Join(hls, r.Path, r.Playlist), filepath.Join(hls, r.Path, r.ByteRange),
		filepath.Join(hls, meta.Media.HLS.Playlist), filepath.Join(hls, meta.Media.HLS.ByteRange),
	} {
		if got := pictures(t, playlist); got != frames {
			t.Errorf("%s has %d pictures, want %d", filepath.Base(playlist), got, frames)
		}
	}
	command(t, "ffmpeg", "-v", "error", "-xerror", "-allowed_extensions", "ALL", "-i", filepath.Join(hls, meta.Media.HLS.Playlist), "-f", "null", "-")
	wantHolesFound(t, dir)
}

// verify has a recording compared with its manifest.
func verify(t *testing.T, where string) error {
	t.Helper()
	_, err := output(t.Context(), built.openivs, "recording", "verify", where)
	return err
}

// wantHolesFound damages a recording in every way that a disk or a person may.
func wantHolesFound(t *testing.T, dir string) {
	t.Helper()
	if err := verify(t, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, dir) {
		if name == "events/recording-started.json" || strings.Contains(name, "multivariant") || strings.HasSuffix(name, "master.m3u8") {
			continue
		}
		file := filepath.Join(dir, name)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(whole)
		changed[len(changed)/2] ^= 4
		for what, b := range map[string][]byte{"cut": whole[:len(whole)-2], "empty": nil, "changed": changed} {
			if what == "changed" && !strings.Contains(name, "/hls/") || strings.HasSuffix(name, ".m3u8") && what != "empty" {
				continue // perhaps in a word that nothing hangs on
			}
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := verify(t, dir); err == nil {
				t.Errorf("%s is %s, and nothing is found", name, what)
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := verify(t, dir); err == nil {
			t.Errorf("%s is missing, and nothing is found", name)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
