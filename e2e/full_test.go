package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// smallDisk mounts a file system of so many MiB on a directory until the test ends.
func smallDisk(t *testing.T, dir string, mebibytes int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	as := func(name string, args ...string) error {
		if os.Getuid() != 0 { // as make setup has it
			name, args = "sudo", append([]string{"-n", name}, args...)
		}
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %q, which root may: %w: %s", name, args, err, out)
		}
		return nil
	}
	options := fmt.Sprintf("size=%dm,mode=0700,uid=%d,gid=%d", mebibytes, os.Getuid(), os.Getgid())
	if err := as("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := as("umount", "-l", dir); err != nil {
			t.Error(err)
		}
	})
}

// ballast writes a file of so many MiB, or as much of it as there is room for.
func ballast(t *testing.T, name string, mebibytes int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for range mebibytes {
		if _, err := f.Write(block); err != nil {
			return // it is full
		}
	}
}

// TestAFullDiskStopsRecordingsAndNoStream takes a small disk for the spool, fills it,
// and makes room again.
func TestAFullDiskStopsRecordingsAndNoStream(t *testing.T) {
	onlySoak(t)
	t.Parallel()
	dir := t.TempDir()
	spool := filepath.Join(dir, "data", "recordings")
	smallDisk(t, spool, 64)
	s := serveIn(t, dir, "--prometheus", "on", "--disk-warn", "48", "--disk-thumbnails", "32", "--disk-recordings", "16")
	conf := s.recording(t, bucketName)
	c := encode(t, small, voice)
	level := func(want int) {
		t.Helper()
		until(t, liveIn, fmt.Sprint("the disk is at level ", want), func() (bool, string) {
			_, _, text := fetch(t, strings.TrimSuffix(s.At.Playback, "/")+"/metrics")
			return strings.Contains(text, fmt.Sprintf("openivs_disk_level %d\n", want)), text
		})
	}
	level(0)
	type recorded struct {
		channel
		enc *encoder
		id  string
	}
	runs := map[selection]recorded{}
	for _, sel := range selections {
		ch := s.channel(t, recordedTo(s.recording(t, bucketName, selecting(sel))))
		runs[sel] = recorded{ch, stream(t, c, ch.rtmp()), str(ch.live().StreamId)}
	}
	ballast(t, filepath.Join(spool, "ballast"), 52)
	level(3)
	refused := s.channel(t, recordedTo(conf))
	enc := stream(t, c, refused.rtmp())
	refused.live()
	over := refused.recorded("")
	if got := names(over); !slices.Contains(got, "Recording Start Failure") || slices.Contains(got, "Recording Start") {
		t.Errorf("events %v, want Recording Start Failure", got)
	}
	if all := heardOf(t, s, "Recording Start Failure"); len(all) != 1 || !strings.Contains(all[0].Detail.Reason, "little room on the disk") {
		t.Errorf("%+v, want the true reason", all)
	}
	wantPlaying(t, refused)
	enc.quit()

	// To the last byte, again and again, as a recording that fails makes room.
	more := 0
	fill := func() {
		more++
		ballast(t, filepath.Join(spool, fmt.Sprint("ballast", more)), 64)
	}
	fill()
	none := runs[types.RenditionConfigurationRenditionSelectionNone] // has nothing to write
	for _, r := range runs {
		if r.id != none.id {
			until(t, liveIn, "the recording that ran has failed", func() (bool, string) {
				fill()
				all := names(r.session(r.id))
				return slices.Contains(all, "Recording End Failure"), fmt.Sprint(all)
			})
		}
		wantPlaying(t, r.channel)
	}
	failed := heardOf(t, s, "Recording End Failure")
	for _, e := range failed {
		if e.Detail.StreamID == none.id || !strings.Contains(e.Detail.Reason, "no space left on device") {
			t.Errorf("%+v, want the true reason", e)
		}
	}
	if len(failed) != len(runs)-1 {
		t.Errorf("%d recordings failed, want all that have something to write", len(failed))
	}
	weights, err := filepath.Glob(filepath.Join(spool, "ballast*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range weights {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	level(0)
	none.enc.quit()
	if got := names(none.recorded(none.id)); !slices.Equal(got, wholeRecorded) {
		t.Errorf("events %v, want %v", got, wholeRecorded)
	}
	again := s.channel(t, recordedTo(conf))
	if err := ffmpeg(t, "-re", "-i", c.file, "-c", "copy", "-f", "flv", again.rtmp()).left(2*clipSeconds*1e9 + liveIn); err != nil {
		t.Fatal(err)
	}
	if got := names(again.recorded("")); !slices.Equal(got, wholeRecorded) {
		t.Errorf("events %v, want %v", got, wholeRecorded)
	}
}

// wantPlaying fails the test unless a channel's live playlist goes on.
func wantPlaying(t *testing.T, ch channel) {
	t.Helper()
	out, err := ch.s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
	if err != nil || out.Stream.State != types.StreamStateStreamLive {
		t.Fatalf("the stream is not live: %v", err)
	}
	_, _, master := fetch(t, ch.playback)
	list := firstURI(t, ch.playback, master)
	_, _, first := fetch(t, list)
	until(t, liveIn, "the playlist goes on", func() (bool, string) {
		_, _, now := fetch(t, list)
		return now != first, now
	})
}
