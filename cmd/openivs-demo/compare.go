package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

const watchFrames = 60

// compare holds what GetStreamSession says to what the encoder was told to send.
func (d *demo) compare(ctx context.Context, s *types.StreamSession, over bool) error {
	in := s.IngestConfiguration
	if in == nil || in.Video == nil || in.Audio == nil {
		return errors.New("GetStreamSession has no ingestConfiguration")
	}
	encoder, err := encoderName(ctx)
	if err != nil {
		return err
	}
	v, a := in.Video, in.Audio
	d.check("video size", fmt.Sprintf("%dx%d", v.VideoWidth, v.VideoHeight), fmt.Sprintf("%dx%d", width, height))
	d.check("video frame rate", v.TargetFramerate, int64(framerate))
	d.check("video codec", aws.ToString(v.Codec), "avc1.64001F")
	d.check("video profile and level", aws.ToString(v.AvcProfile)+" "+aws.ToString(v.AvcLevel), "High 3.1")
	// ffmpeg declares bits per second / 1024, which IVS takes for thousands.
	d.check("video bit rate, as declared", v.TargetBitrate, int64(videoKilobits*1000*1000/1024))
	d.check("encoder", aws.ToString(v.Encoder), encoder)
	d.check("audio codec", aws.ToString(a.Codec), "mp4a.40.2")
	d.check("audio sample rate", a.SampleRate, int64(sampleRate))
	d.check("audio channels", a.Channels, int64(audioChannels))
	d.check("audio bit rate, as declared", a.TargetBitrate, int64(audioKilobits*1000*1000/1024))
	want := "Session Created, Stream Start"
	if over {
		want += ", Session Ended, Stream End"
	}
	var events []string
	for _, e := range s.TruncatedEvents {
		events = append([]string{aws.ToString(e.Name)}, events...)
	}
	d.check("events", strings.Join(events, ", "), want)
	d.check("has ended", s.EndTime != nil, over)
	return nil
}

// watch decodes frames of the stream as a viewer gets it.
func (d *demo) watch(ctx context.Context, url string) error {
	size, err := output(ctx, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0:s=x", url)
	if err != nil {
		return err
	}
	size, _, _ = strings.Cut(strings.TrimSpace(size), "\n")
	d.check("size as it is seen", size, fmt.Sprintf("%dx%d", width, height))
	frames, err := output(ctx, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-xerror", "-i", url,
		"-map", "0:v:0", "-frames:v", strconv.Itoa(watchFrames), "-f", "framemd5", "-")
	if err != nil {
		return err
	}
	pictures := map[string]bool{} // the test picture moves: no two are equal
	for line := range strings.Lines(frames) {
		if line[0] != '#' {
			pictures[line[strings.LastIndexByte(line, ',')+1:]] = true
		}
	}
	d.check("different pictures decoded", len(pictures), watchFrames)
	return nil
}

// encoderName is what this ffmpeg calls itself in onMetaData.
func encoderName(ctx context.Context) (string, error) {
	out, err := output(ctx, "ffmpeg", "-version")
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`libavformat\s+(\d+)\.\s*(\d+)\.\s*(\d+)`).FindStringSubmatch(out)
	if m == nil {
		return "", errors.New("ffmpeg -version does not name libavformat")
	}
	return "Lavf" + strings.Join(m[1:], "."), nil
}

// asAWS writes a value of the SDK as the AWS CLI prints it.
func asAWS(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return "", err
	}
	b, err = json.MarshalIndent(map[string]any{"streamSession": lower(tree)}, "  ", "  ")
	return "  " + string(b), err
}

// lower gives members their names on the wire and leaves out what is absent.
func lower(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if member == nil {
				continue
			}
			runes := []rune(name)
			runes[0] = unicode.ToLower(runes[0])
			out[string(runes)] = lower(member)
		}
		return out
	case []any:
		for i := range v {
			v[i] = lower(v[i])
		}
	}
	return v
}
