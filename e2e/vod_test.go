package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// TestARecordingPlaysInABrowser records a stream with timed metadata, and one with an
// ad break, and has hls.js play each recording to its end. By default one of the two.
func TestARecordingPlaysInABrowser(t *testing.T) {
	t.Parallel()
	v := directory(t)
	b := chromium(t)
	c := encode(t, small, voice)
	for i, format := range []types.ContainerFormat{types.ContainerFormatTs, types.ContainerFormatFragmentedMP4} {
		if !*soak && (int64(i)+built.seed)%2 != 0 {
			continue
		}
		t.Run(string(format), func(t *testing.T) {
			s := v.server.in(t)
			ads := format == types.ContainerFormatTs // others have none
			ch := s.channel(t, recordedTo(v.conf), inContainer(format), func(in *ivs.CreateChannelInput) {
				if ads {
					in.AdConfigurationArn = aws.String(s.ads(t))
				}
			})
			enc := stream(t, c, ch.rtmp())
			id := str(ch.live().StreamId)
			for _, m := range messages {
				ch.says(m)
				<-time.After(time.Second) // an operation may be called so often
			}
			broken := ""
			if ads {
				made, err := s.ivs.InsertAdBreak(t.Context(), &ivs.InsertAdBreakInput{ChannelArn: &ch.arn, DurationSeconds: aws.Int32(30)})
				if err != nil {
					t.Fatal(err)
				}
				broken = str(made.AdBreakId)
				ch.showsBreak(broken, time.Now())
			}
			enc.quit()
			ch.recorded(id)
			dir := v.recording(t, ch)
			if err := verify(t, dir); err != nil {
				t.Error(err)
			}
			if ads {
				wantMarked(t, dir, broken)
			}
			signed := strings.TrimSpace(string(command(t, built.command, "recording", "url", dir, "--data", s.Data)))
			shown := pictures(t, signed)
			tab := b.open(t, "hls", signed, nil)
			tab.until(playedIn+time.Duration(shown)*time.Second/30, goal{ended: true, cues: len(messages)})
			saw := tab.seen()
			t.Log(saw)
			p := showing{cell: cell{container: format}, player: "hls"}
			p.clean(t, saw, true)
			p.heard(t, saw.Cues)
			if want := float64(shown)/30 - 1; saw.Played < want || saw.Frames < shown/2 {
				t.Errorf("%.1f s and %d pictures were shown of %d pictures", saw.Played, saw.Frames, shown)
			}
			tab.close()
		})
	}
}

var markTag = regexp.MustCompile(`#EXT-X-DATERANGE:ID="(\d+)",START-DATE="[^"]+",(?:PLANNED-DURATION=30\.000,X-NET-LIVE-VIDEO-AD-AD-BREAK-ID="(\w{12})",SCTE35-OUT|END-DATE="[^"]+",DURATION=\d+\.\d{3},SCTE35-IN)=0xFC30[0-9A-F]+\n`)

// wantMarked fails the test unless both playlists of a recording say where the one ad
// break begins and ends.
func wantMarked(t *testing.T, dir, id string) {
	t.Helper()
	for _, name := range []string{"playlist.m3u8", "byte-range-variant.m3u8"} {
		b, err := os.ReadFile(filepath.Join(dir, "media/hls/180p30", name))
		found := markTag.FindAllSubmatch(b, -1)
		if err != nil || len(found) != 2 || string(found[0][2]) != id || string(found[1][1]) != string(found[0][1]) || len(found[1][2]) > 0 {
			t.Errorf("%s has not the begin and the end of break %s: %v\n%s", name, id, err, b)
		}
	}
}
