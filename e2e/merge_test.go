package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// mergeWindow is the reconnect window of these tests, in seconds.
const mergeWindow = 30

// A heard is what an event says of a recording.
type heard struct {
	Detail struct {
		Status    string   `json:"recording_status"`
		Reason    string   `json:"recording_status_reason"`
		Prefix    string   `json:"recording_s3_key_prefix"`
		Length    int64    `json:"recording_duration_ms"`
		StreamID  string   `json:"stream_id"`
		StreamIDs []string `json:"recording_session_stream_ids"`
	} `json:"detail"`
	Time time.Time `json:"time"`
}

// heardOf are the events of a kind, the oldest first.
func heardOf(t *testing.T, s *running, status string) (all []heard) {
	t.Helper()
	for _, line := range happened(t, s) {
		var e heard
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Detail.Status == status {
			all = append(all, e)
		}
	}
	return all
}

// TestAStreamThatComesBackGoesOnInItsRecording interrupts a stream: by its encoder,
// by a server that is killed, and for longer than the reconnect window. A short run
// does it with one bucket and one container.
func TestAStreamThatComesBackGoesOnInItsRecording(t *testing.T) {
	t.Parallel()
	c := encode(t, small, voice)
	n := int64(0)
	for _, kind := range vaultKinds {
		for _, format := range []types.ContainerFormat{types.ContainerFormatTs, types.ContainerFormatFragmentedMP4} {
			n++
			if !*soak && (n+built.seed)%4 != 0 {
				continue
			}
			t.Run(fmt.Sprint(kind, " ", format), func(t *testing.T) {
				t.Parallel()
				vaults()[kind](t).comesBack(t, c, format)
			})
		}
	}
}

func (v vault) comesBack(t *testing.T, c clip, format types.ContainerFormat) {
	t.Helper()
	window := func(in *ivs.CreateRecordingConfigurationInput) { in.RecordingReconnectWindowSeconds = mergeWindow }
	ch := v.server.channel(t, recordedTo(v.server.recording(t, bucketName, window)), inContainer(format))
	whole := func() { // publishes the clip once
		enc := ffmpeg(t, "-re", "-i", c.file, "-c", "copy", "-f", "flv", ch.rtmp())
		if err := enc.left(2*clipSeconds*time.Second + liveIn); err != nil {
			t.Fatal(err)
		}
		ch.over("")
		v.stored(t)
	}
	var ids []string
	whole()
	ids = append(ids, str(ch.session("").StreamId))
	whole()
	ids = append(ids, str(ch.session("").StreamId))
	stream(t, c, ch.rtmp())
	ids = append(ids, str(ch.live().StreamId))
	until(t, liveIn, "the third stream has four segments", func() (bool, string) {
		n := listedLive(t, ch)
		return n >= 4, fmt.Sprint(n)
	})
	least := 3 * 2 * gopSeconds * 30 // the newest may not be on the disk yet
	v.server.kill()
	v.server.start()
	v.stored(t)
	whole()
	ids = append(ids, str(ch.session("").StreamId))
	until(t, 2*mergeWindow*time.Second, "the recording is over", func() (bool, string) {
		all := names(ch.session(""))
		return slices.Contains(all, "Recording End"), fmt.Sprint(all)
	})
	at := map[string]time.Time{}
	for _, ev := range ch.session("").TruncatedEvents {
		at[str(ev.Name)] = *ev.EventTime
	}
	if waited := at["Recording End"].Sub(at["Session Ended"]); waited < (mergeWindow-2)*time.Second {
		t.Errorf("Recording End %v after the stream, want it after the window", waited)
	}
	v.wantMerged(t, ch, ids, 3*clipSeconds*30+least)
	whole()
	if err := v.server.alone(t, ch); err != nil {
		t.Error(err)
	}
}

// stored waits until nothing of a recording is left in the spool but what is needed
// to go on with it.
func (v vault) stored(t *testing.T) {
	t.Helper()
	until(t, overIn, "all is stored", func() (bool, string) {
		left := slices.DeleteFunc(files(t, filepath.Join(v.server.Data, "recordings")), func(name string) bool {
			ext := filepath.Ext(name)
			return ext != ".ts" && ext != ".mp4"
		})
		return len(left) == 0, fmt.Sprint(left)
	})
}

// alone waits for the end of the recording of a channel's newest stream, which has
// one of its own.
func (s *running) alone(t *testing.T, ch channel) error {
	t.Helper()
	id := str(ch.session("").StreamId)
	until(t, 2*mergeWindow*time.Second, "the other recording is over", func() (bool, string) {
		all := names(ch.session(""))
		return slices.Contains(all, "Recording End"), fmt.Sprint(all)
	})
	ends := heardOf(t, s, "Recording End")
	last := ends[len(ends)-1].Detail
	if len(ends) != 2 || !slices.Equal(last.StreamIDs, []string{id}) || last.Prefix == ends[0].Detail.Prefix {
		return fmt.Errorf("after the window: %+v, want a recording of %s alone", ends, id)
	}
	if starts := heardOf(t, s, "Recording Start"); len(starts) != 2 {
		return fmt.Errorf("%d recordings began, want 2", len(starts))
	}
	return nil
}

// wantMerged looks at the one recording of several streams.
func (v vault) wantMerged(t *testing.T, ch channel, ids []string, least int) {
	t.Helper()
	ends := heardOf(t, v.server, "Recording End")
	if len(ends) != 1 || !slices.Equal(ends[0].Detail.StreamIDs, ids) || ends[0].Detail.StreamID != ids[len(ids)-1] {
		t.Fatalf("%+v, want one end of the recording of %v", ends, ids)
	}
	dir := v.recording(t, ch)
	if err := verify(t, dir); err != nil {
		t.Error(err)
	}
	var got int
	for _, list := range []string{"master.m3u8", "byte-range-multivariant.m3u8"} {
		got = pictures(t, filepath.Join(dir, "media/hls", list))
		if got < least || got > least+clipSeconds*30 {
			t.Errorf("%s has %d pictures, want at least %d", list, got, least)
		}
	}
	if d, want := ends[0].Detail.Length, int64(got)*1000/30; d < want-200 || d > want+200 {
		t.Errorf("it is said to last %d ms, %d pictures are %d", d, got, want)
	}
	b, err := os.ReadFile(filepath.Join(dir, "media/hls/180p30/playlist.m3u8"))
	if n := strings.Count(string(b), "#EXT-X-DISCONTINUITY\n"); err != nil || n != len(ids)-1 || !strings.HasSuffix(string(b), "#EXT-X-ENDLIST\n") {
		t.Errorf("%d discontinuities, want one at each join, and an end: %v\n%s", n, err, b)
	}
	command(t, "ffmpeg", "-v", "error", "-xerror", "-allowed_extensions", "ALL", "-i", filepath.Join(dir, "media/hls/master.m3u8"), "-f", "null", "-")
}
