package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/publisher"
	"openivs/e2e/server"
)

// TestAnswersComeFromTheStream sends streams that differ in every field to
// channels that differ in nothing, so that no answer can come from a setting.
func TestAnswersComeFromTheStream(t *testing.T) {
	t.Parallel()
	s := serve(t)
	one := encode(t, picture{width: 640, height: 360, fps: 25, profile: "baseline", kbps: 500}, sound{channels: 1, rate: 44100, kbps: 64})
	two := encode(t, picture{width: 854, height: 480, fps: 50, profile: "high", kbps: 900}, sound{channels: 2, rate: 48000, kbps: 128})

	t.Run("as ffmpeg declares", func(t *testing.T) {
		t.Parallel()
		a, b := s.channel(t), s.channel(t)
		stream(t, one, a.rtmp())
		two := signed(t, two, "another encoder 1.0")
		play(t, b, two.tags) // ffmpeg signs all alike
		a.live()
		b.live()
		compare(t, "the first", a.session(""), one)
		compare(t, "the second", b.session(""), two)
		different(t, *a.session("").IngestConfiguration, *b.session("").IngestConfiguration)
	})
	t.Run("as OBS declares", func(t *testing.T) {
		t.Parallel()
		ch := s.channel(t)
		const encoder = "obs-output module (libobs version 29.0.2)"
		play(t, ch, append([]publisher.Tag{publisher.Metadata(
			publisher.Property{Name: "width", Value: 640.0},
			publisher.Property{Name: "height", Value: 360.0},
			publisher.Property{Name: "framerate", Value: 25.0},
			publisher.Property{Name: "videodatarate", Value: 3500.0},
			publisher.Property{Name: "audiodatarate", Value: 160.0},
			publisher.Property{Name: "stereo", Value: false},
			publisher.Property{Name: "encoder", Value: encoder},
		)}, withoutMetadata(one)...))
		ch.live()
		in := ch.session("").IngestConfiguration
		if got := str(in.Video.Encoder); got != encoder {
			t.Errorf("encoder %q, want %q", got, encoder)
		}
		if in.Video.TargetBitrate != 3_500_000 || in.Audio.TargetBitrate != 160_000 {
			t.Errorf("bit rates %d and %d, want 3500000 and 160000", in.Video.TargetBitrate, in.Audio.TargetBitrate)
		}
	})
	t.Run("nothing declared", func(t *testing.T) {
		t.Parallel()
		ch := s.channel(t)
		stream(t, two, ch.rtmp(), "-flvflags", "no_metadata")
		ch.live()
		in := ch.session("").IngestConfiguration
		want := two.wantVideo(t)
		if in.Video.VideoWidth != want.VideoWidth || in.Video.VideoHeight != want.VideoHeight ||
			str(in.Video.Codec) != str(want.Codec) || str(in.Video.Profile) != str(want.Profile) || str(in.Video.Level) != str(want.Level) ||
			in.Video.TargetFramerate != want.TargetFramerate || str(in.Video.Encoder) != "" || in.Video.TargetBitrate != 0 {
			t.Errorf("video %s, want what the bitstream says: %s", show(t, in.Video), show(t, want))
		}
		if in.Audio.SampleRate != 48000 || in.Audio.Channels != 2 || str(in.Audio.Codec) != "mp4a.40.2" || in.Audio.TargetBitrate != 0 {
			t.Errorf("audio %s", show(t, in.Audio))
		}
	})
	t.Run("sound and picture disagree with the declaration", func(t *testing.T) {
		t.Parallel()
		ch := s.channel(t)
		play(t, ch, append([]publisher.Tag{publisher.Metadata(
			publisher.Property{Name: "audiosamplerate", Value: 22050.0},
			publisher.Property{Name: "stereo", Value: true},
		)}, withoutMetadata(one)...))
		ch.live()
		if a := ch.session("").IngestConfiguration.Audio; a.SampleRate != 44100 || a.Channels != 1 {
			t.Errorf("audio %d Hz, %d channels, want those of the AudioSpecificConfig: 44100, 1", a.SampleRate, a.Channels)
		}
	})
}

// different fails for each field in which two configurations are the same.
func different(t *testing.T, a, b types.IngestConfiguration) {
	t.Helper()
	same := map[string]bool{ // by nature: there is one of each, and one codec that is taken
		"VideoConfiguration.Track": true, "AudioConfiguration.Track": true, "AudioConfiguration.Codec": true,
	}
	for _, pair := range [][2]any{{*a.Video, *b.Video}, {*a.Audio, *b.Audio}} {
		x, y := reflect.ValueOf(pair[0]), reflect.ValueOf(pair[1])
		for i := range x.NumField() {
			f := x.Type().Field(i)
			if f.IsExported() && !same[x.Type().Name()+"."+f.Name] && reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
				t.Errorf("%s.%s is the same for both: the streams do not differ enough to show anything", x.Type().Name(), f.Name)
			}
		}
	}
}

// signed is a clip whose onMetaData names another encoder.
func signed(t *testing.T, c clip, encoder string) clip {
	t.Helper()
	text := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	c.tags = slices.Clone(c.tags)
	for i, tag := range c.tags {
		if body := bytes.Replace(tag.Body, text(c.encoder), text(encoder), 1); tag.Type == publisher.Data && !bytes.Equal(body, tag.Body) {
			c.tags[i].Body = body
			c.encoder = encoder
			return c
		}
	}
	t.Fatalf("no metadata names the encoder %s", c.encoder)
	return c
}

// play publishes a clip with the scripted encoder until the test ends.
func play(t *testing.T, ch channel, tags []publisher.Tag) {
	t.Helper()
	pub := publish(t, ch.s.At.RTMP, ch.key)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = pub.Play(ctx, tags)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func withoutMetadata(c clip) []publisher.Tag {
	return slices.DeleteFunc(slices.Clone(c.tags), func(t publisher.Tag) bool { return t.Type == publisher.Data })
}

// headers are a clip's sequence headers alone.
func headers(c clip) []publisher.Tag {
	return slices.DeleteFunc(slices.Clone(c.tags), func(t publisher.Tag) bool { return !t.Header() })
}

func TestBeforeTheHeadersThereIsNoConfiguration(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	c := encode(t, small, voice)
	pub := publish(t, s.At.RTMP, ch.key)
	first := ch.appears()
	if first.IngestConfiguration != nil || first.IngestConfigurations != nil {
		t.Errorf("nothing was sent, yet the session says %s", show(t, first.IngestConfiguration))
	}
	if first.EndTime != nil || first.StartTime == nil {
		t.Errorf("startTime %v, endTime %v, want a start alone", first.StartTime, first.EndTime)
	}
	if got := names(first); !slices.Equal(got, wholeStream[:1]) {
		t.Errorf("events %v, want %v", got, wholeStream[:1])
	}
	_, err := s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
	wantError[*types.ChannelNotBroadcasting](t, "GetStream before Stream Start", err)

	if err := pub.Send(headers(c)...); err != nil {
		t.Fatal(err)
	}
	until(t, overIn, "the configuration is in", func() (bool, string) {
		in := ch.session("").IngestConfiguration
		return in != nil && in.Video != nil && in.Audio != nil, show(t, in)
	})
	if err := pub.Unpublish(ch.key); err != nil {
		t.Fatal(err)
	}
	over := ch.over("")
	created, ended := event(t, over, "Session Created").EventTime, event(t, over, "Session Ended").EventTime
	if got, want := names(over), []string{"Session Created", "Session Ended"}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if !over.StartTime.Equal(*created) || !over.EndTime.Equal(*ended) {
		t.Errorf("from %v to %v, want Session Created's %v to Session Ended's %v", over.StartTime, over.EndTime, created, ended)
	}
}

// TestMediaThatIsNotTaken publishes what the service does not carry, and waits
// for the server to say so.
func TestMediaThatIsNotTaken(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := encode(t, small, voice)
	only := func(kind byte) []publisher.Tag {
		return slices.DeleteFunc(slices.Clone(c.tags), func(t publisher.Tag) bool { return t.Type != kind })
	}
	one := func(kind byte, head ...byte) []publisher.Tag {
		return []publisher.Tag{{Type: kind, Body: append(head, make([]byte, 64)...)}}
	}
	for _, tc := range []struct {
		name  string
		media []publisher.Tag // played until the server has enough
		says  string
	}{
		{"HEVC as E-RTMP writes it", one(publisher.Video, 0x90, 'h', 'v', 'c', '1'), "HEVC (H.265), which is not taken here; set the encoder to H.264"},
		{"HEVC as others write it", one(publisher.Video, 0x1c, 0, 0, 0, 0), "HEVC (H.265), which is not taken here; set the encoder to H.264"},
		{"MP3 beside a good picture", append(one(publisher.Audio, 0x2f), only(publisher.Video)...), "MP3, which is not taken here; set the encoder to AAC-LC"},
		{"audio only", only(publisher.Audio), "video is missing: only audio came"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ch := s.channel(t)
			pub := publish(t, s.At.RTMP, ch.key)
			ctx, cancel := context.WithTimeout(t.Context(), overIn)
			defer cancel()
			_, err := pub.Play(ctx, tc.media)
			select {
			case <-pub.Ended():
				err = pub.Err()
			case <-ctx.Done():
			}
			refused, ok := errors.AsType[*publisher.RefusedError](err)
			if !ok || refused.Code != "NetStream.Publish.Rejected" || !strings.Contains(refused.Description, tc.says) {
				t.Errorf("the server said %v, want Rejected because %q", err, tc.says)
			}
			wantNeverStarted(t, ch, tc.says)
		})
	}
	for name, args := range map[string][]string{
		"MP3":        {"-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i", "sine", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "libmp3lame"},
		"audio only": {"-re", "-stream_loop", "-1", "-i", c.file, "-vn", "-c", "copy"},
	} {
		t.Run("ffmpeg with "+name, func(t *testing.T) {
			t.Parallel()
			ch := s.channel(t)
			enc := ffmpeg(t, append(args, "-f", "flv", ch.rtmp())...)
			says := map[string]string{"MP3": "MP3, which is not taken here", "audio only": "video is missing: only audio came"}[name]
			if err := enc.left(overIn); err == nil || !strings.Contains(server.Tail(enc.log), says) {
				t.Errorf("ffmpeg left with %v, want it told %q", err, says)
			}
			wantNeverStarted(t, ch, says)
		})
	}
	t.Run("left before the first media", func(t *testing.T) {
		t.Parallel()
		ch := s.channel(t)
		if err := publish(t, s.At.RTMP, ch.key).Unpublish(ch.key); err != nil {
			t.Fatal(err)
		}
		wantNeverStarted(t, ch, "the encoder ended the stream")
	})
}

// wantNeverStarted looks at the one session of a channel: it ended for a reason
// before anybody could watch.
func wantNeverStarted(t *testing.T, ch channel, reason string) {
	t.Helper()
	ch.appears()
	over := ch.over("")
	if got, want := names(over), []string{"Session Created", "Session Ended"}; !slices.Equal(got, want) {
		t.Fatalf("events %v, want %v", got, want)
	}
	if created := event(t, over, "Session Created").EventTime; !over.StartTime.Equal(*created) {
		t.Errorf("startTime %v, want Session Created's %v", over.StartTime, created)
	}
	if ended := event(t, over, "Session Ended").EventTime; !over.EndTime.Equal(*ended) {
		t.Errorf("endTime %v, want Session Ended's %v", over.EndTime, ended)
	}
	if n := len(ch.sessions()); n != 1 {
		t.Errorf("%d sessions are listed, want 1", n)
	}
	_, err := ch.s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
	wantError[*types.ChannelNotBroadcasting](t, "GetStream", err)
	if got := stored(t, ch.s, ch.arn, str(over.StreamId)).Reason; !strings.Contains(got, reason) {
		t.Errorf("the session ended because %q, want %q", got, reason)
	}
}

// TestTheEncoderMayChange goes on in another size and codec on the same
// connection: the session tells what comes now.
func TestTheEncoderMayChange(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	before := encode(t, picture{width: 640, height: 360, fps: 25, profile: "baseline", kbps: 500}, voice)
	after := encode(t, picture{width: 854, height: 480, fps: 50, profile: "high", kbps: 900}, sound{channels: 1, rate: 44100, kbps: 64})
	tags := slices.Clone(before.tags)
	for _, t := range withoutMetadata(after) {
		t.Time += publisher.Length(before.tags)
		tags = append(tags, t)
	}
	play(t, ch, tags)
	id := str(ch.live().StreamId)
	in := ch.session(id).IngestConfiguration
	if got, want := in.Video, before.wantVideo(t); got.VideoWidth != want.VideoWidth || str(got.Codec) != str(want.Codec) {
		t.Fatalf("at first %s, want %s", show(t, got), show(t, want))
	}
	want := after.wantVideo(t)
	until(t, clipSeconds*time.Second+overIn, "the session tells of the other encoding", func() (bool, string) {
		in = ch.session(id).IngestConfiguration
		return in.Video.VideoWidth == want.VideoWidth && in.Audio.SampleRate == 44100, show(t, in)
	})
	if v := in.Video; v.VideoHeight != want.VideoHeight || str(v.Codec) != str(want.Codec) || str(v.Profile) != str(want.Profile) || str(v.Level) != str(want.Level) {
		t.Errorf("video %s, want %s", show(t, v), show(t, want))
	}
	if a := in.Audio; a.Channels != 1 {
		t.Errorf("audio %s, want one channel", show(t, a))
	}
	if now := ch.live(); str(now.StreamId) != id {
		t.Errorf("the stream is %s, want %s to go on", str(now.StreamId), id)
	}
}

func TestWhichSessionIsAnswered(t *testing.T) {
	t.Parallel()
	s := serve(t)
	here, there, quiet := s.channel(t), s.channel(t), s.channel(t)
	begin := func(ch channel) string {
		before := len(ch.sessions())
		pub := publish(t, s.At.RTMP, ch.key)
		if err := pub.Unpublish(ch.key); err != nil {
			t.Fatal(err)
		}
		until(t, overIn, "the session is listed and over", func() (bool, string) {
			list := ch.sessions()
			return len(list) == before+1 && list[0].EndTime != nil, fmt.Sprint(len(list))
		})
		return str(ch.session("").StreamId)
	}
	first, foreign := begin(here), begin(there)
	get := func(arn, id string) error {
		_, err := s.ivs.GetStreamSession(t.Context(), &ivs.GetStreamSessionInput{ChannelArn: &arn, StreamId: aws.String(id)})
		return err
	}
	if len(first) != 26 {
		t.Errorf("stream id %s has %d characters, want 26", first, len(first))
	}
	wantError[*types.ResourceNotFoundException](t, "a streamId of another channel", get(here.arn, foreign))
	wantError[*types.ResourceNotFoundException](t, "an unknown streamId of 26 characters", get(here.arn, "st-1abcdefghijklmnopqrstuv"))
	wantError[*types.ValidationException](t, "a streamId of 25 characters", get(here.arn, first[:25]))
	wantError[*types.ValidationException](t, "a streamId of 27 characters", get(here.arn, first+"0"))
	_, err := s.ivs.GetStreamSession(t.Context(), &ivs.GetStreamSessionInput{ChannelArn: &quiet.arn})
	wantError[*types.ResourceNotFoundException](t, "a channel that never streamed", err)
	svs := "arn:aws:svs" + here.arn[len("arn:aws:ivs"):]
	_, err = s.ivs.GetStreamSession(t.Context(), &ivs.GetStreamSessionInput{ChannelArn: &svs})
	wantError[*types.ResourceNotFoundException](t, "an svs ARN", err)

	later := 1000
	if !*soak {
		later = 60
	}
	before := *here.session(first)
	for range later {
		begin(here)
	}
	if got := here.session(first); !reflect.DeepEqual(*got, before) {
		t.Errorf("after %d later sessions\n got %s\nwant %s", later, show(t, got), show(t, before))
	}
	list := here.sessions()
	if len(list) != later+1 || str(list[len(list)-1].StreamId) != first {
		t.Errorf("%d sessions are listed, the oldest %s; want %d and %s", len(list), str(list[len(list)-1].StreamId), later+1, first)
	}
	for i := 1; i < len(list); i++ {
		if list[i].StartTime.After(*list[i-1].StartTime) {
			t.Errorf("session %d began after the one listed before it", i)
		}
	}
}

// TestOrderWithinOneSecond looks at sessions whose events share their second.
func TestOrderWithinOneSecond(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	for range 5 {
		pub := publish(t, s.At.RTMP, ch.key)
		if err := pub.Unpublish(ch.key); err != nil {
			t.Fatal(err)
		}
		until(t, overIn, "the channel is free again", func() (bool, string) {
			return ch.appears().EndTime != nil, "no endTime"
		})
		if got, want := names(ch.session("")), []string{"Session Created", "Session Ended"}; !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
	}
}

func TestTheSnapshotStaysAsItWas(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tags := map[string]string{"team": "news"}
	ch := s.channel(t, named("morning"), func(in *ivs.CreateChannelInput) { in.Tags = tags })
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	enc.quit()
	before := ch.over(id)
	if str(before.Channel.Name) != "morning" || before.Channel.Tags["team"] != "news" || str(before.Channel.PlaybackUrl) != ch.playback {
		t.Errorf("snapshot %s", show(t, before.Channel))
	}
	if p := before.Channel.Srt; p != nil && p.Passphrase != nil {
		t.Error("the snapshot answers with an SRT passphrase")
	}
	_, err := s.ivs.UpdateChannel(t.Context(), &ivs.UpdateChannelInput{
		Arn: &ch.arn, Name: aws.String("evening"), Type: types.ChannelTypeBasicChannelType,
		LatencyMode: types.ChannelLatencyModeNormalLatency, InsecureIngest: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ivs.TagResource(t.Context(), &ivs.TagResourceInput{ResourceArn: &ch.arn, Tags: map[string]string{"team": "sport"}}); err != nil {
		t.Fatal(err)
	}
	if after := ch.session(id); !reflect.DeepEqual(after, before) {
		t.Errorf("after UpdateChannel and TagResource\n got %s\nwant %s", show(t, after), show(t, before))
	}
}

// TestTimesAreTrue holds the events of a stream to the clock of this test.
func TestTimesAreTrue(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	began := time.Now().Truncate(time.Second)
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	live := time.Now()
	enc.quit()
	over := ch.over(id)
	ended := time.Now()
	order := []time.Time{
		began,
		*event(t, over, "Session Created").EventTime,
		*event(t, over, "Stream Start").EventTime,
		live,
		*event(t, over, "Session Ended").EventTime,
		*event(t, over, "Stream End").EventTime,
		ended,
	}
	for i := 1; i < len(order); i++ {
		// The API tells whole seconds: a time may look up to one too early.
		if order[i].Before(order[i-1].Truncate(time.Second)) {
			t.Errorf("times out of order: %v", order)
		}
	}
}
