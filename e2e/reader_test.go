package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/hlsreader"
)

// ffmpegTools looks into media with ffprobe and ffmpeg.
type ffmpegTools struct{}

// Packets implements hlsreader.Tools.
func (ffmpegTools) Packets(ctx context.Context, media []byte) ([]hlsreader.Packet, error) {
	out, err := piped(ctx, media, "ffprobe", "-v", "error", "-i", "pipe:0",
		"-show_entries", "packet=codec_type,pts_time,dts_time,duration_time,flags", "-of", "json")
	if err != nil {
		return nil, err
	}
	var found struct {
		Packets []struct {
			Kind     string `json:"codec_type"`
			PTS      string `json:"pts_time"`
			DTS      string `json:"dts_time"`
			Duration string `json:"duration_time"`
			Flags    string `json:"flags"`
		} `json:"packets"`
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, err
	}
	var packets []hlsreader.Packet
	last := map[string]hlsreader.Packet{}
	for _, p := range found.Packets {
		if p.Kind != "video" && p.Kind != "audio" {
			continue
		}
		q := hlsreader.Packet{Video: p.Kind == "video", Key: strings.HasPrefix(p.Flags, "K")}
		before, follows := last[p.Kind]
		if p.Duration == "" { // of the only one
			p.Duration = "0"
		}
		if q.Duration, err = strconv.ParseFloat(p.Duration, 64); err != nil {
			return nil, fmt.Errorf("a %s packet: %w", p.Kind, err)
		}
		if p.PTS == "" && p.DTS == "" && p.Kind == "audio" && follows { // one of several in a PES packet
			q.PTS, q.DTS = before.PTS+before.Duration, before.DTS+before.Duration
		} else if q.PTS, err = strconv.ParseFloat(p.PTS, 64); err != nil {
			return nil, fmt.Errorf("a %s packet: %w", p.Kind, err)
		} else if q.DTS, err = strconv.ParseFloat(p.DTS, 64); err != nil {
			return nil, fmt.Errorf("a %s packet: %w", p.Kind, err)
		}
		packets, last[p.Kind] = append(packets, q), q
	}
	return packets, nil
}

// Decode implements hlsreader.Tools.
func (ffmpegTools) Decode(ctx context.Context, media []byte) error {
	out, err := piped(ctx, media, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-xerror", "-i", "pipe:0",
		"-map", "0:v", "-f", "framemd5", "-")
	if err != nil {
		return err
	}
	if !strings.Contains(string(out), "\n0,") {
		return fmt.Errorf("no picture\n%s", out)
	}
	return nil
}

// piped runs a program on what it reads from its standard input. Anything it
// complains of is an error.
func piped(ctx context.Context, input []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = bytes.NewReader(input)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		return nil, fmt.Errorf("%s: %w: %s", name, err, errs.Bytes())
	}
	return out, nil
}

// TestAStrictReaderFindsNothing watches live streams of each kind to their end.
func TestAStrictReaderFindsNothing(t *testing.T) {
	onlySoak(t)
	t.Parallel()
	s := serve(t)
	for _, cell := range cells {
		t.Run(cell.String(), func(t *testing.T) {
			t.Parallel()
			found := strictly(t, s, cell, 4*time.Minute)
			if found.Renditions != 1 {
				t.Errorf("%d renditions, want the source", found.Renditions)
			}
		})
	}
}

// TestAStrictReaderFindsNothingInALadder watches all renditions of a stream at once,
// and what each of them reports of the others.
func TestAStrictReaderFindsNothingInALadder(t *testing.T) {
	onlySoak(t)
	found := strictly(t, serve(t, "--transcode", "on"), mp4Low, 4*time.Minute, func(in *ivs.CreateChannelInput) {
		in.Type = types.ChannelTypeStandardChannelType
	})
	if found.Renditions != 2 || found.Reported == 0 {
		t.Errorf("%d renditions that reported %d times, want 360p30 and 160p30 that report of each other", found.Renditions, found.Reported)
	}
}

// strictly watches a new stream of the numbered clip for a time and to its end, and
// fails the test for each fault.
func strictly(t *testing.T, s *running, c cell, watch time.Duration, also ...func(*ivs.CreateChannelInput)) *hlsreader.Findings {
	t.Helper()
	ch := s.in(t).channel(t, append([]func(*ivs.CreateChannelInput){c.set}, also...)...)
	stream(t, numbered(t), ch.rtmp())
	ch.live()
	reader := hlsreader.Reader{URL: ch.playback, Tools: ffmpegTools{}, Parts: c == mp4Low}
	if c.mode == types.ChannelLatencyModeLowLatency {
		reader.Prefetch = 2
	}
	stop := time.AfterFunc(watch, ch.stop)
	defer stop.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), watch+overIn)
	defer cancel()
	found, err := reader.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(found)
	for _, f := range found.Faults {
		t.Error(f)
	}
	if !found.Ended || found.Segments < found.Renditions*(int(watch.Seconds()/found.Target)-1) {
		t.Errorf("%v, want %v of segments in each rendition and the end", found, watch)
	}
	return found
}
