package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/hlsreader"
)

// TestAnotherEncoderTakesTheStreamOver has a second ffmpeg take over, one over RTMP
// and one over SRT, as Amazon IVS documents it, while a strict reader watches.
func TestAnotherEncoderTakesTheStreamOver(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := numbered(t)
	other := encode(t, picture{width: 426, height: 240, fps: 25, profile: "main", kbps: 200}, sound{channels: 2, rate: 48000, kbps: 96})
	for _, tc := range []struct {
		name string
		next func(ch channel) *encoder
		late func(ch channel) *encoder
	}{
		{
			"RTMP",
			func(ch channel) *encoder { return stream(t, c, ch.rtmp()+"?priority=1") },
			func(ch channel) *encoder { return stream(t, c, ch.rtmp()+"?priority=1") },
		},
		{
			"SRT",
			func(ch channel) *encoder { return srt(t, c, s.At.SRT+"?streamid=%23!::u="+ch.key+",priority=2") },
			func(ch channel) *encoder { return srt(t, c, s.At.SRT+"?streamid=%23!::u="+ch.key+",priority=2") },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ch := s.channel(t)
			ch.t = t
			first := stream(t, c, ch.rtmp())
			started := ch.live()
			reader := hlsreader.Reader{URL: ch.playback, Tools: ffmpegTools{}, Prefetch: 2}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			watched := make(chan *hlsreader.Findings, 1)
			go func() {
				found, err := reader.Watch(ctx)
				if err != nil {
					t.Error(err)
				}
				watched <- found
			}()
			second := tc.next(ch)
			if err := first.left(liveIn); err == nil {
				t.Error("the first encoder left without an error")
			}
			if after := ch.live(); str(after.StreamId) != str(started.StreamId) || !after.StartTime.Equal(*started.StartTime) {
				t.Errorf("the stream is %s, want %s", str(after.StreamId), str(started.StreamId))
			}
			if err := tc.late(ch).left(liveIn); err == nil {
				t.Error("the same priority took over")
			}
			if err := stream(t, other, ch.rtmp()+"?priority=9").left(liveIn); err == nil {
				t.Error("another resolution took over")
			}
			id := str(started.StreamId)
			until(t, liveIn, "the failures are told", func() (bool, string) {
				got := failures(ch.session(id))
				return slices.Equal(got, []string{"StreamTakeoverInvalidPriority", "StreamTakeoverMediaMismatch"}), strings.Join(got, ", ")
			})
			more := time.NewTimer(4 * time.Second) // for viewers to see what comes of it
			<-more.C
			second.quit()
			over := ch.over(id)
			if got := names(over); slices.Index(got, "Stream Takeover") < 2 || got[len(got)-1] != "Stream End" || len(ch.sessions()) != 1 {
				t.Errorf("events %q, %d sessions", got, len(ch.sessions()))
			}
			found := <-watched
			t.Log(found)
			if found == nil || !found.Ended || found.Segments < 4 {
				t.Fatal("the playlist did not go on")
			}
			for _, f := range found.Faults {
				// Sound may be missing for a moment, and be a little early; and what the
				// encoder was interrupted in need not be whole.
				sound := strings.Contains(f, "has a silence of 0.") || strings.Contains(f, "has its first sound -0.0")
				tail := strings.Contains(f, fmt.Sprintf("segment %d: ", found.Last)) || strings.Contains(f, fmt.Sprintf("segment %d has no sound", found.Last))
				if !sound && !tail {
					t.Error(f)
				}
			}
			if found.Discontinuities > 0 {
				t.Errorf("%d discontinuities", found.Discontinuities)
			}
		})
	}
}

// failures are the codes of takeovers that failed, the oldest first.
func failures(s *types.StreamSession) (codes []string) {
	for _, ev := range s.TruncatedEvents {
		if str(ev.Name) == "Stream Takeover Failure" {
			codes = append([]string{str(ev.Code)}, codes...)
		}
	}
	return codes
}

// TestAnEncoderThatDiedDoesNotKeepItselfOut freezes ffmpeg, as a machine that lost
// its power does, and has it come back with the same key.
func TestAnEncoderThatDiedDoesNotKeepItselfOut(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := encode(t, small, sound{channels: 2, rate: 48000, kbps: 64})
	ch := s.channel(t)
	first := stream(t, c, ch.rtmp())
	before := ch.live()
	if err := stream(t, c, ch.rtmp()).left(liveIn); err == nil {
		t.Error("a second encoder was let in beside the first")
	}
	first.signal(syscall.SIGSTOP)
	died := time.Now()
	until(t, liveIn, "the encoder is let in again", func() (bool, string) {
		e := stream(t, c, ch.rtmp())
		for {
			select {
			case <-e.exited:
				return false, "refused"
			case <-time.After(100 * time.Millisecond):
				got, err := s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
				if err == nil && str(got.Stream.StreamId) != str(before.StreamId) {
					return true, ""
				}
			}
		}
	})
	if took := time.Since(died); took > 20*time.Second {
		t.Errorf("it was kept out for %v", took)
	}
	if got := names(ch.over(str(before.StreamId))); got[len(got)-1] != "Stream End" {
		t.Errorf("events of the first session: %q", got)
	}
}
