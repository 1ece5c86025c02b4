package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"reflect"
	"testing"

	"openivs/e2e/server"

	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// shell runs a script as a person would type it, with Debian's AWS CLI, in the
// environment that openivs env exports.
func shell(t *testing.T, s *running, script string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", fmt.Sprintf("set -eu\neval \"$(%s env --data '%s')\"\n%s", built.command, s.Data, script))
	cmd.Env = server.Environment("PATH=/usr/bin:/bin", "HOME="+t.TempDir(), "AWS_PAGER=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s%s", err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes(), nil
}

// TestTheAWSCommandLine goes the whole way with the aws command.
func TestTheAWSCommandLine(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ask := func(into any, script string) {
		t.Helper()
		out, err := shell(t, s, script)
		if err != nil {
			t.Fatal(err)
		}
		if into == nil {
			return
		}
		if err := json.Unmarshal(out, into); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	var made struct {
		Channel   struct{ Arn, PlaybackURL string }
		StreamKey struct{ Value string }
	}
	ask(&made, "aws ivs create-channel --name from-the-shell")
	ch := channel{s: s, t: t, arn: made.Channel.Arn, key: made.StreamKey.Value}
	c := encode(t, small, voice)
	stream(t, c, ch.rtmps())
	id := str(ch.live().StreamId)

	var answer struct{ StreamSession types.StreamSession }
	ask(&answer, "aws ivs get-stream-session --channel-arn "+ch.arn+" --stream-id "+id)
	video, audio := c.wantVideo(t), c.wantAudio(t)
	video.AvcLevel, video.AvcProfile = video.Level, video.Profile
	video.Level, video.Profile, video.Track, audio.Track = nil, nil, nil, nil // newer than Debian's command
	want := &types.IngestConfiguration{Audio: &audio, Video: &video}
	if got := answer.StreamSession.IngestConfiguration; !reflect.DeepEqual(got, want) {
		t.Errorf("ingestConfiguration\n got %s\nwant %s", show(t, got), show(t, want))
	}

	var list struct {
		Channels []struct{ Arn, Name string }
	}
	ask(&list, "aws ivs list-channels")
	if len(list.Channels) != 1 || list.Channels[0].Name != "from-the-shell" || list.Channels[0].Arn != ch.arn {
		t.Errorf("list-channels: %+v", list)
	}
	ask(nil, "aws ivs tag-resource --resource-arn "+ch.arn+" --tags team=news,shift=late")
	ask(nil, "aws ivs untag-resource --resource-arn "+ch.arn+" --tag-keys shift 'no such'")
	var tags struct{ Tags map[string]string }
	ask(&tags, "aws ivs list-tags-for-resource --resource-arn "+ch.arn)
	if len(tags.Tags) != 1 || tags.Tags["team"] != "news" {
		t.Errorf("tags %v, want team=news alone", tags.Tags)
	}
	ask(nil, "aws ivs stop-stream --channel-arn "+ch.arn)
	ch.over(id)
	if _, err := shell(t, s, "aws ivs stop-stream --channel-arn "+ch.arn); err == nil || !bytes.Contains([]byte(err.Error()), []byte("ChannelNotBroadcasting")) {
		t.Errorf("stop-stream again: %v, want ChannelNotBroadcasting", err)
	}
	ask(nil, "aws ivs delete-channel --arn "+ch.arn)
}
