package e2e

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/publisher"
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
		stream(t, two, b.rtmp())
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
			in.Video.TargetFramerate != want.TargetFramerate || str(in.Video.Encoder) != "" {
			t.Errorf("video %s, want what the bitstream says: %s", show(t, in.Video), show(t, want))
		}
		if in.Audio.SampleRate != 48000 || in.Audio.Channels != 2 || str(in.Audio.Codec) != "mp4a.40.2" {
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
	same := map[string]bool{"Codec": true, "Track": true, "Encoder": true} // by nature, or the same ffmpeg
	for _, pair := range [][2]any{{*a.Video, *b.Video}, {*a.Audio, *b.Audio}} {
		x, y := reflect.ValueOf(pair[0]), reflect.ValueOf(pair[1])
		for i := range x.NumField() {
			f := x.Type().Field(i)
			if f.IsExported() && !same[f.Name] && reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
				t.Errorf("%s.%s is the same for both: the streams do not differ enough to show anything", x.Type().Name(), f.Name)
			}
		}
	}
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

// TestMediaThatIsNotTaken publishes what the service does not carry.
func TestMediaThatIsNotTaken(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := encode(t, small, voice)
	hevc := publisher.Tag{Type: publisher.Video, Body: append([]byte{0x90 | 1<<4, 'h', 'v', 'c', '1'}, make([]byte, 64)...)}
	old := publisher.Tag{Type: publisher.Video, Body: append([]byte{0x1c, 0, 0, 0, 0}, make([]byte, 64)...)} // codec id 12
	mp3 := publisher.Tag{Type: publisher.Audio, Body: append([]byte{0x2f}, make([]byte, 64)...)}
	audio := slices.DeleteFunc(slices.Clone(c.tags), func(t publisher.Tag) bool { return t.Type != publisher.Audio })
	for name, media := range map[string][]publisher.Tag{
		"audio only":                  audio,
		"HEVC as E-RTMP writes it":    {hevc, hevc},
		"HEVC as others write it":     {old, old},
		"MP3 and no picture":          {mp3, mp3},
		"left before the first media": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := s.channel(t)
			pub := publish(t, s.At.RTMP, ch.key)
			_ = pub.Send(media...) // the server may have hung up
			_ = pub.Unpublish(ch.key)
			ch.appears()
			over := ch.over("")
			if got, want := names(over), []string{"Session Created", "Session Ended"}; !slices.Equal(got, want) {
				t.Errorf("events %v, want %v", got, want)
			}
			if n := len(ch.sessions()); n != 1 {
				t.Errorf("%d sessions are listed, want 1", n)
			}
			_, err := s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
			wantError[*types.ChannelNotBroadcasting](t, "GetStream", err)
		})
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
