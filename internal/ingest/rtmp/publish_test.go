package rtmp_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"openivs/internal/ingest"
	"openivs/internal/ingest/rtmp"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// object makes an AMF object of alternating keys and values.
func object(pairs ...any) (o amf0.Object) {
	for i := 0; i < len(pairs); i += 2 {
		o = append(o, amf0.ObjectEntry{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return o
}

func metadata(pairs ...any) rtmptest.Message {
	return rtmptest.Message{Chunks: 4, Type: rtmptest.Data, Stream: 1, Body: rtmptest.AMF("@setDataFrame", "onMetaData", amf0.ECMAArray(object(pairs...)))}
}

// An encoder is a way to go about publishing two frames of picture and sound.
type encoder struct {
	name    string
	connect func(c *rtmptest.Client) []rtmptest.Message // up to publish
	media   func(c *rtmptest.Client) []rtmptest.Message
	want    ingest.Declaration
}

func connectCall(extra ...any) rtmptest.Message {
	return rtmptest.Call(0, "connect", 1, append(object("app", "app", "tcUrl", "rtmp://127.0.0.1:1935/app"), object(extra...)...))
}

func encoders() []encoder {
	frames := func(*rtmptest.Client) []rtmptest.Message {
		return []rtmptest.Message{
			video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)), audio(0, rtmptest.AudioHeader(rtmptest.AAC48kStereo)),
			video(0, rtmptest.Frame(5, 3000, 0)), audio(0, rtmptest.Sound(300)), audio(21, rtmptest.Sound(301)), video(33, rtmptest.Frame(1, 900, 0)),
		}
	}
	with := func(first ...rtmptest.Message) func(*rtmptest.Client) []rtmptest.Message {
		return func(c *rtmptest.Client) []rtmptest.Message { return append(first, frames(c)...) }
	}
	commands := func(publishChunks int, release, create, publish float64) func(*rtmptest.Client) []rtmptest.Message {
		return func(*rtmptest.Client) []rtmptest.Message {
			p := rtmptest.Call(1, "publish", publish, nil, "sk_key", "live")
			p.Chunks = publishChunks
			return []rtmptest.Message{
				connectCall("flashVer", "FMLE/3.0"), rtmptest.Call(0, "releaseStream", release, nil, "sk_key"),
				rtmptest.Call(0, "FCPublish", release, nil, "sk_key"), rtmptest.Call(0, "createStream", create, nil), p,
			}
		}
	}
	declared := ingest.Declaration{Encoder: "obs-output module (libobs version 29.0.2)", VideoBitrate: 2500000, AudioBitrate: 160000, Framerate: 30, Width: 1280, Height: 720, SampleRate: 48000, Channels: 2}
	obs := metadata("duration", 0.0, "fileSize", 0.0, "width", 1280.0, "height", 720.0, "videocodecid", "avc1", "videodatarate", 2500.0, "framerate", 30.0,
		"audiocodecid", "mp4a", "audiodatarate", 160.0, "audiosamplerate", 48000.0, "audiosamplesize", 16.0, "audiochannels", 2.0, "stereo", true, "2.1", false,
		"encoder", "obs-output module (libobs version 29.0.2)")
	return []encoder{
		{
			name: "OBS: chunk size before connect, audio and video on one chunk stream", want: declared,
			connect: func(c *rtmptest.Client) []rtmptest.Message {
				return append([]rtmptest.Message{{Chunks: 2, Type: rtmptest.SetChunkSize, Body: []byte{0, 0, 16, 0}}}, commands(4, 2, 4, 5)(c)...)
			},
			media: func(c *rtmptest.Client) []rtmptest.Message {
				ms := with(obs)(c)
				for i := range ms {
					ms[i].Chunks = 4
				}
				return ms
			},
		},
		{
			name: "ffmpeg: publish on chunk stream 8, bit rates in units of 1024", connect: commands(8, 2, 4, 5),
			want: ingest.Declaration{Encoder: "Lavf59.27.100", VideoBitrate: 8789062, AudioBitrate: 46875, Framerate: 29.97, Channels: 1},
			media: with(metadata("videodatarate", 9e6/1024, "audiodatarate", 48e3/1024, "framerate", 29.97, "stereo", false,
				"encoder", "Lavf59.27.100", "filesize", 0.0)),
		},
		{
			name: "GStreamer rtmp2sink: transactions 0, chunk size 128 after publish, metadata on every frame", connect: commands(3, 0, 4, 0),
			want: ingest.Declaration{Encoder: "GStreamer", VideoBitrate: 2000000, Framerate: 30, Width: 1280, Height: 720},
			media: func(c *rtmptest.Client) []rtmptest.Message {
				meta := metadata("videodatarate", 2000.0, "framerate", 30.0, "width", 1280.0, "height", 720.0, "encoder", "GStreamer")
				ms := []rtmptest.Message{{Chunks: 2, Type: rtmptest.SetChunkSize, Body: []byte{0, 0, 0, 128}}}
				for _, m := range frames(c) {
					ms = append(ms, meta, m)
				}
				return ms
			},
		},
		{
			name: "librtmp: everything on chunk stream 4", connect: commands(4, 2, 4, 5),
			media: func(c *rtmptest.Client) []rtmptest.Message {
				ms := frames(c)
				for i := range ms {
					ms[i].Chunks = 4
				}
				return ms
			},
		},
		{name: "no onMetaData", connect: commands(3, 2, 4, 5), media: frames},
		{
			name: "Flash: no releaseStream, no FCPublish, a bare onMetaData object, numbers as text", want: ingest.Declaration{VideoBitrate: 1500500, Width: 1280},
			connect: func(*rtmptest.Client) []rtmptest.Message {
				return []rtmptest.Message{connectCall(), rtmptest.Call(0, "createStream", 2, nil), rtmptest.Call(1, "publish", 3, nil, "sk_key")}
			},
			media: with(rtmptest.Message{Chunks: 4, Type: rtmptest.Data, Stream: 1, Body: rtmptest.AMF("onMetaData", object("videodatarate", "1500.5", "width", " 1280 ", "height", "tall", "framerate", nil))}),
		},
		{
			name: "AMF 3 commands and data", want: ingest.Declaration{Encoder: "x"},
			connect: func(c *rtmptest.Client) []rtmptest.Message {
				ms := commands(3, 2, 4, 5)(c)
				for i := range ms {
					ms[i].Type, ms[i].Body = rtmptest.CommandAMF3, append([]byte{0}, ms[i].Body...)
				}
				return ms
			},
			media: with(rtmptest.Message{Chunks: 4, Type: 15, Stream: 1, Body: append([]byte{0}, rtmptest.AMF("@setDataFrame", "onMetaData", object("encoder", "x"))...)}),
		},
		{name: "unknown message types, unknown commands, unknown data", connect: func(c *rtmptest.Client) []rtmptest.Message {
			ms := commands(3, 2, 4, 5)(c)
			return append([]rtmptest.Message{{Chunks: 2, Type: 99, Body: []byte{1}}, ms[0], rtmptest.Call(0, "_checkbw", 9, nil), {Chunks: 2, Type: 3, Body: []byte{0, 0, 0, 1}}}, ms[1:]...)
		}, media: with(
			rtmptest.Message{Chunks: 2, Type: rtmptest.UserControl, Body: []byte{0, 31, 0, 0, 0, 1}},
			rtmptest.Message{Chunks: 4, Type: rtmptest.Data, Stream: 1, Body: rtmptest.AMF("onTextData", object("text", "hi"))},
			rtmptest.Message{Chunks: 4, Type: rtmptest.Data, Stream: 1, Body: []byte{2, 0xff}},
			rtmptest.Message{Chunks: 4, Type: 16, Stream: 1, Body: []byte{2, 0xff}},
			rtmptest.Message{Chunks: 7, Type: 200, Stream: 9, Body: nil})},
		{name: "an aggregate message", connect: commands(3, 2, 4, 5), media: func(c *rtmptest.Client) []rtmptest.Message {
			var body []byte
			for _, m := range frames(c) {
				ts := m.Timestamp + 5000
				body = append(body, m.Type, byte(len(m.Body)>>16), byte(len(m.Body)>>8), byte(len(m.Body)), byte(ts>>16), byte(ts>>8), byte(ts), byte(ts>>24), 1, 0, 0)
				body = append(append(body, m.Body...), 0, 0, 0, byte(len(m.Body)))
			}
			return []rtmptest.Message{{Chunks: 6, Type: rtmptest.Aggregate, Stream: 1, Timestamp: 0, Body: body}}
		}},
		{name: "headers sent again with every keyframe", connect: commands(3, 2, 4, 5), media: func(c *rtmptest.Client) []rtmptest.Message {
			ms := frames(c)
			return append(append(ms[:5:5], ms[0], ms[1]), ms[5])
		}},
		{name: "Enhanced RTMP packets of avc1 and mp4a", connect: commands(3, 2, 4, 5), media: func(*rtmptest.Client) []rtmptest.Message {
			ex := func(first byte, cc string, body []byte) []byte {
				return append([]byte{first, cc[0], cc[1], cc[2], cc[3]}, body...)
			}
			return []rtmptest.Message{
				video(0, ex(0x90, "avc1", []byte(rtmptest.AVC720p30))), audio(0, ex(0x90, "mp4a", []byte(rtmptest.AAC48kStereo))), video(0, ex(0x94, "avc1", []byte("colour"))),
				video(0, ex(0x91, "avc1", rtmptest.Frame(5, 3000, 0)[2:])), audio(0, ex(0x91, "mp4a", rtmptest.Sound(300)[2:])),
				audio(21, ex(0x91, "mp4a", rtmptest.Sound(301)[2:])), video(33, ex(0xa3, "avc1", rtmptest.Frame(1, 900, 0)[5:])),
			}
		}},
	}
}

func TestEncodersPublish(t *testing.T) {
	for _, e := range encoders() {
		t.Run(e.name, func(t *testing.T) {
			g := newGate()
			c := dial(t, listen(t, &rtmp.Server{Gate: g}))
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			for _, m := range e.connect(c) {
				send(t, c, m)
				if m.Type == rtmptest.SetChunkSize {
					c.Size = int(m.Body[2])<<8 | int(m.Body[3])
				}
			}
			if r, err := c.Expect("onStatus"); err != nil || r.Code != "NetStream.Publish.Start" || r.Stream != 1 {
				t.Fatalf("publish: %+v, %v", r, err)
			}
			p := <-g.admitted
			send(t, c, e.media(c)...)
			quit(t, c, p)

			if r := g.request(t); r.Key != "sk_key" || r.Protocol != "rtmp" || r.Secure || !strings.HasPrefix(r.Remote, "127.0.0.1:") {
				t.Errorf("the gate was asked for key %q, %q, %v, %q", string(r.Key), r.Protocol, r.Secure, r.Remote)
			}
			var want []ingest.Declaration
			if e.want != (ingest.Declaration{}) {
				want = append(want, e.want)
			}
			if !reflect.DeepEqual(p.declared, want) {
				t.Errorf("declared %+v, want %+v", p.declared, want)
			}
			checkFrames(t, p)
		})
	}
}

// checkFrames expects the two frames of each kind that every encoder sends.
func checkFrames(t *testing.T, p *publication) {
	t.Helper()
	if n := len(p.tracks); n != 2 || len(p.tracks[0]) != 1 || len(p.tracks[1]) != 2 {
		t.Fatalf("the tracks changed %d times, want 2: %v", n, p.tracks)
	}
	v, a := p.tracks[1][0], p.tracks[1][1]
	if v.Kind != media.Video || a.Kind != media.Audio {
		t.Errorf("tracks are of kinds %d and %d, want video and audio", v.Kind, a.Kind)
	}
	if got := fmt.Sprintf("%s %dx%d %v", v.CodecString(), v.Picture.Width, v.Picture.Height, v.Picture.Framerate); got != "avc1.64001F 1280x720 30" {
		t.Errorf("video is %s", got)
	}
	if got := fmt.Sprintf("%s %d %d", a.CodecString(), a.Sound.SampleRate, a.Sound.Channels); got != "mp4a.40.2 48000 2" {
		t.Errorf("audio is %s", got)
	}
	var got []string
	for _, k := range []media.Kind{media.Video, media.Audio} {
		for _, u := range p.kind(k) {
			if u.At.IsZero() {
				t.Error("a unit has no time of arrival")
			}
			got = append(got, fmt.Sprintf("%d %v %d %d", u.DTS, u.Key, len(u.Data), u.PTS-u.DTS))
		}
	}
	want := []string{"0 true 3004 0", "2970 false 904 0", "0 true 300 0", "1890 true 301 0"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("units (DTS, key, bytes, CTS) are %q, want %q", got, want)
	}
}

func TestKeyAndQueryAreFound(t *testing.T) {
	for _, tc := range []struct {
		name, app, tcURL, publish string
		key, query                string
	}{
		{"a plain key", "app", "rtmp://h/app", "sk_1", "sk_1", ""},
		{"a slash behind the application", "app/", "rtmp://h/app/", "sk_1", "sk_1", ""},
		{"a query behind the key", "app", "rtmp://h/app", "sk_1?priority=5", "sk_1", "priority=5"},
		{"a second question mark", "app", "rtmp://h/app", "sk_1?priority=5?keyframeInterval=2&x=", "sk_1", "keyframeInterval=2&priority=5&x="},
		{"a query that is not one", "app", "rtmp://h/app", "sk_1?&&%zz&a=b", "sk_1", "a=b"},
		{"a query behind the application", "app?priority=5", "rtmp://h/app?priority=5", "sk_1", "sk_1", "priority=5&priority=5"},
		{"a query in tcUrl only", "app", "rtmps://h:443/app?a=1", "sk_1?b=2", "sk_1", "a=1&b=2"},
		{"the key in the application", "app/sk_1", "rtmp://h/app/sk_1", "", "sk_1", ""},
		{"the key in tcUrl", "app", "rtmp://h/app/sk_1?a=b", "", "sk_1", "a=b"},
		{"a path before the key", "app", "rtmp://h/app", "live/sk_1", "sk_1", ""},
		{"slashes around the key", "app", "rtmp://h/app", "/sk_1/", "sk_1", ""},
		{"another application", "live", "rtmp://h/live", "sk_1", "sk_1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGate()
			g.err = ivs.Errorf(ivs.NotFound, "no")
			c := dial(t, listen(t, &rtmp.Server{Gate: g}))
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			send(t, c, rtmptest.Call(0, "connect", 1, object("app", tc.app, "tcUrl", tc.tcURL)), rtmptest.Call(1, "publish", 0, nil, tc.publish, "live"))
			if _, err := c.Expect("onStatus"); err != nil {
				t.Fatal(err)
			}
			if r := g.request(t); string(r.Key) != tc.key || r.Query.Encode() != tc.query {
				t.Errorf("key %q and query %q, want %q and %q", string(r.Key), r.Query.Encode(), tc.key, tc.query)
			}
		})
	}
}

func TestRefusalsSayWhy(t *testing.T) {
	for _, tc := range []struct {
		name              string
		err               error
		key               string
		code, description string
	}{
		{"an unknown key", ivs.Errorf(ivs.NotFound, "no channel has this stream key"), "sk_1", "NetStream.Publish.BadName", "no channel has this stream key"},
		{"plain RTMP on a strict channel", ivs.Errorf(ivs.Denied, "use rtmps"), "sk_1", "NetStream.Publish.BadName", "use rtmps"},
		{"somebody else is live", fmt.Errorf("admit: %w", ivs.Errorf(ivs.Conflict, "another encoder is live")), "sk_1", "NetStream.Publish.BadName", "another encoder is live"},
		{"the server is stopping", ivs.Errorf(ivs.Unavailable, "stopping"), "sk_1", "NetStream.Failed", "stopping"},
		{"an error of ours", errors.New("disk on fire"), "sk_1", "NetStream.Failed", "internal error; try again"},
		{"no key", nil, "", "NetStream.Publish.BadName", "no stream key was sent; enter the channel's stream key in the encoder"},
		{"an endless key", nil, strings.Repeat("k", 5000), "NetStream.Publish.BadName", "the stream key has 5000 characters; copy the channel's stream key again"},
		{"an endless query", nil, "sk_1?" + strings.Repeat("k", 5000), "NetStream.Publish.BadName", "what follows the stream key has 5000 characters, at most 4096 are accepted"},
		{"an endless description", ivs.Errorf(ivs.NotFound, "%s", strings.Repeat("é", 2000)), "sk_1", "NetStream.Publish.BadName", strings.Repeat("é", 512)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGate()
			g.err = tc.err
			c := dial(t, listen(t, &rtmp.Server{Gate: g}))
			r, err := c.Publish("app", tc.key)
			if err != nil {
				t.Fatal(err)
			}
			if r.Level != "error" || r.Code != tc.code || r.Description != tc.description {
				t.Errorf("refused with %q %q %q, want error, %q, %q", r.Level, r.Code, r.Description, tc.code, tc.description)
			}
			if _, err := c.Read(); !errors.Is(err, io.EOF) {
				t.Errorf("after the refusal: %v, want EOF", err)
			}
			if len(g.pubs) != 0 {
				t.Error("it publishes all the same")
			}
		})
	}
}

func TestMediaThatIsNotTakenEndsTheStream(t *testing.T) {
	g := newGate()
	addr := listen(t, &rtmp.Server{Gate: g})
	ex := func(first byte, cc string) []byte { return append([]byte{first}, cc+"\x00\x00\x00\x00"...) }
	for _, tc := range []struct {
		name string
		m    rtmptest.Message
		want string
	}{
		{"HEVC, enhanced", video(0, ex(0x90, "hvc1")), "HEVC (H.265)"},
		{"HEVC, the old way", video(0, []byte{0x1c, 0, 0, 0, 0}), "HEVC (H.265)"},
		{"AV1", video(0, ex(0x90, "av01")), "AV1"},
		{"VP9", video(0, ex(0x91, "vp09")), "VP9"},
		{"a codec from the future", video(0, ex(0x90, "zzz\x01")), `of codec "zzz\x01"`},
		{"Sorenson H.263", video(0, []byte{0x12, 1, 2, 3}), "Sorenson H.263"},
		{"MP3", audio(0, []byte{0x2f, 1, 2, 3}), "MP3"},
		{"MP3, enhanced", audio(0, ex(0x90, ".mp3")), "MP3"},
		{"Opus", audio(0, ex(0x90, "Opus")), "Opus"},
		{"PCM", audio(0, []byte{0x3f, 1, 2, 3}), "uncompressed PCM"},
		{"AAC Main", audio(0, []byte{0xaf, 0, 0x09, 0x90}), "AAC-LC"},
		{"an unreadable H.264 header", video(0, rtmptest.VideoHeader("\x01\x64\x00\x1f\xff\xe1\x00\xff\x67")), "the H.264 header cannot be read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, addr)
			if r, err := c.Publish("app", "sk_1"); err != nil || r.Level != "status" {
				t.Fatal(r, err)
			}
			p := <-g.admitted
			send(t, c, tc.m)
			r, err := c.Expect("onStatus")
			if err != nil || r.Level != "error" || r.Code != "NetStream.Publish.Rejected" || !strings.Contains(r.Description, tc.want) {
				t.Errorf("got %q %q %q, %v; want an error with %q", r.Level, r.Code, r.Description, err, tc.want)
			}
			if err := p.end(t); err == nil || ivs.CodeOf(err) != ivs.Invalid || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("ended with %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestTheServerEndsAStream(t *testing.T) {
	for _, tc := range []struct {
		name              string
		cause             error
		code, description string
	}{
		{"StopStream", ivs.Errorf(ivs.NotLive, "stopped by StopStream"), "NetStream.Publish.Rejected", "stopped by StopStream"},
		{"the server is stopping", ivs.Errorf(ivs.Unavailable, "stopping"), "NetStream.Failed", "stopping"},
		{"a cause without code", errors.New("another encoder took over"), "NetStream.Publish.Rejected", "another encoder took over"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p := publish(t, newGate())
			p.stop(tc.cause)
			r, err := c.Expect("onStatus")
			if err != nil || r.Level != "error" || r.Code != tc.code || r.Description != tc.description {
				t.Errorf("got %q %q %q, %v; want error, %q, %q", r.Level, r.Code, r.Description, err, tc.code, tc.description)
			}
			m, err := c.Read()
			if err != nil || m.Type != rtmptest.UserControl || string(m.Body) != "\x00\x01\x00\x00\x00\x01" {
				t.Errorf("then %+v, %v; want stream EOF", m, err)
			}
			if err := p.end(t); !errors.Is(err, tc.cause) {
				t.Errorf("ended with %v, want the cause itself", err)
			}
		})
	}
}

func TestAUnitThatIsRefusedEndsTheStream(t *testing.T) {
	g := newGate()
	full := ivs.Errorf(ivs.QuotaExceeded, "too many pictures")
	g.refuse = func(media.Unit) error { return full }
	c, p := publish(t, g)
	send(t, c, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)), video(0, rtmptest.Frame(5, 100, 0)), video(33, rtmptest.Frame(1, 100, 0)))
	if r, err := c.Expect("onStatus"); err != nil || r.Description != "too many pictures" {
		t.Errorf("got %+v, %v", r, err)
	}
	if err := p.end(t); !errors.Is(err, full) {
		t.Errorf("ended with %v", err)
	}
	if len(p.units) != 1 {
		t.Errorf("%d units were written after the refusal", len(p.units)-1)
	}
}

func TestAPanicEndsOneConnection(t *testing.T) {
	g := newGate()
	g.refuse = func(media.Unit) error { panic("a bug") }
	addr := listen(t, &rtmp.Server{Gate: g})
	for range 2 {
		c := dial(t, addr)
		if r, err := c.Publish("app", "sk_1"); err != nil || r.Level != "status" {
			t.Fatal(r, err)
		}
		send(t, c, audio(0, rtmptest.AudioHeader(rtmptest.AAC48kStereo)), audio(0, rtmptest.Sound(100)))
		if r, err := c.Expect("onStatus"); err != nil || r.Description != "internal error; try again" {
			t.Errorf("got %+v, %v", r, err)
		}
		if err := (<-g.admitted).end(t); err == nil {
			t.Error("ended without cause")
		}
	}
}

func TestWaysToLeave(t *testing.T) {
	for _, tc := range []struct {
		name  string
		leave func(c *rtmptest.Client) error
		want  string // of the cause; "": nil
	}{
		{"FCUnpublish", func(c *rtmptest.Client) error { return c.Send(rtmptest.Call(0, "FCUnpublish", 6, nil, "k")) }, ""},
		{"deleteStream", func(c *rtmptest.Client) error { return c.Send(rtmptest.Call(0, "deleteStream", 6, nil, 1.0)) }, ""},
		{"closeStream", func(c *rtmptest.Client) error { return c.Send(rtmptest.Call(1, "closeStream", 0, nil)) }, ""},
		{"publish(false)", func(c *rtmptest.Client) error { return c.Send(rtmptest.Call(1, "publish", 0, nil, false)) }, ""},
		{"end of file", func(c *rtmptest.Client) error { return c.Conn.Close() }, ""},
		{"reset", func(c *rtmptest.Client) error {
			return errors.Join(c.Conn.(*net.TCPConn).SetLinger(0), c.Conn.Close())
		}, "reset"},
		{"nonsense", func(c *rtmptest.Client) error {
			_, err := c.Conn.Write([]byte{0xff, 0xff, 0xff, 0xff})
			return err
		}, "without a message header"},
		{"publish again", func(c *rtmptest.Client) error { return c.Send(rtmptest.Call(1, "publish", 0, nil, "sk_2")) }, "publish came twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p := publish(t, newGate())
			if err := tc.leave(c); err != nil {
				t.Fatal(err)
			}
			err := p.end(t)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("ended with %v, want %q", err, tc.want)
			}
		})
	}
}

func TestBeforePublishBadInputEndsTheConnection(t *testing.T) {
	g := newGate()
	addr := listen(t, &rtmp.Server{Gate: g})
	for _, tc := range []struct {
		name string
		send []rtmptest.Message
		want string // description of the status; "": closed without one
	}{
		{"publish before connect", []rtmptest.Message{rtmptest.Call(0, "publish", 1, nil, "sk_1")}, ""},
		{"connect twice", []rtmptest.Message{connectCall(), connectCall()}, "connect came twice"},
		{"play", []rtmptest.Message{connectCall(), rtmptest.Call(1, "play", 1, nil, "sk_1")}, "play the channel's playback URL"},
		{"a command that is no AMF", []rtmptest.Message{connectCall(), {Chunks: 3, Type: rtmptest.Command, Body: []byte{2, 0xff, 0xff}}}, "AMF value is cut off"},
		{"a command without name", []rtmptest.Message{connectCall(), {Chunks: 3, Type: rtmptest.Command, Body: rtmptest.AMF(5.0)}}, "command has no name"},
		{"a message over 64 KiB", []rtmptest.Message{connectCall(), {Chunks: 3, Type: rtmptest.Command, Body: make([]byte, 65537)}}, "message of 65537 bytes, at most 65536 are accepted"},
		{"a short control message", []rtmptest.Message{connectCall(), {Chunks: 2, Type: rtmptest.SetChunkSize, Body: []byte{1}}}, "message of type 1 with 1 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, addr)
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			_ = c.Send(tc.send...) // the server may be gone before the end
			r, err := c.Expect("onStatus")
			if tc.want == "" && err == nil || tc.want != "" && !strings.Contains(r.Description, tc.want) {
				t.Errorf("got %q, %v; want %q", r.Description, err, tc.want)
			}
		})
	}
}

func TestPingsAndWindowsAreAnswered(t *testing.T) {
	c, p := publish(t, newGate())
	send(t, c, rtmptest.Message{Chunks: 2, Type: rtmptest.UserControl, Body: []byte{0, 6, 1, 2, 3, 4}})
	if m, err := c.Read(); err != nil || m.Type != rtmptest.UserControl || string(m.Body) != "\x00\x07\x01\x02\x03\x04" {
		t.Errorf("ping is answered with %+v, %v", m, err)
	}
	send(t, c, rtmptest.Message{Chunks: 2, Type: rtmptest.WindowAckSize, Body: []byte{0, 0, 0x10, 0}})
	send(t, c, audio(0, rtmptest.Sound(6000)))
	m, err := c.Read()
	if err != nil || m.Type != 3 || len(m.Body) != 4 {
		t.Errorf("a full window is answered with %+v, %v; want an acknowledgement", m, err)
	}
	quit(t, c, p)
}

func TestConnectIsAnsweredWithWhatSimpleClientsKnow(t *testing.T) {
	c := dial(t, listen(t, &rtmp.Server{Gate: newGate()}))
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	send(t, c, connectCall(), rtmptest.Call(0, "createStream", 2, nil))
	var types []byte
	for {
		m, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, m.Type)
		if len(types) == 5 {
			break
		}
	}
	if want := []byte{5, 6, 1, 20, 20}; !reflect.DeepEqual(types, want) {
		t.Errorf("message types %v, want %v", types, want)
	}
}

func TestTimestampsAreUnwrapped(t *testing.T) {
	frame := func(ts uint32) rtmptest.Message { return video(ts, rtmptest.Frame(1, 50, 0)) }
	for _, tc := range []struct {
		name string
		ts   []uint32
		want []int64 // ms
	}{
		{"they begin anywhere", []uint32{5000, 5033}, []int64{5000, 5033}},
		{"into 32 bits", []uint32{1<<24 - 20, 1<<24 + 13, 1<<24 + 46}, []int64{1<<24 - 20, 1<<24 + 13, 1<<24 + 46}},
		{"an encoder that has 24 bits", []uint32{1<<24 - 20, 13, 46}, []int64{1<<24 - 20, 1<<24 + 13, 1<<24 + 46}},
		{"across 32 bits", []uint32{math.MaxUint32 - 9, 23, 56}, []int64{math.MaxUint32 - 9, math.MaxUint32 + 24, math.MaxUint32 + 57}},
		{"a long gap", []uint32{0, 20000, 20033}, []int64{0, 20000, 20033}},
		{"a clock that begins anew goes on from where it was", []uint32{90000, 90033, 0, 33}, []int64{90000, 90033, 90033, 90066}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p := publish(t, newGate())
			send(t, c, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)))
			for _, ts := range tc.ts {
				send(t, c, frame(ts))
			}
			quit(t, c, p)
			var got []int64
			for i, u := range p.units {
				got = append(got, int64(u.DTS)/90)
				if i > 0 && u.DTS <= p.units[i-1].DTS {
					t.Errorf("DTS %d follows %d", u.DTS, p.units[i-1].DTS)
				}
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %v ms, want %v", got, tc.want)
			}
		})
	}
}

func TestAudioAndVideoMayMeetTheWrapInAnyOrder(t *testing.T) {
	c, p := publish(t, newGate())
	send(t, c, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)), audio(0, rtmptest.AudioHeader(rtmptest.AAC48kStereo)),
		video(1<<24-30, rtmptest.Frame(5, 50, 0)), audio(3, rtmptest.Sound(50)), video(1<<24-5, rtmptest.Frame(1, 50, 0)), audio(24, rtmptest.Sound(50)), video(28, rtmptest.Frame(1, 50, 0)))
	quit(t, c, p)
	var got []int64
	for _, u := range p.units {
		got = append(got, int64(u.DTS)/90-1<<24)
	}
	if want := []int64{-30, 3, -5, 24, 28}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v ms from the wrap, want %v", got, want)
	}
}

func TestReorderedPicturesKeepTheirTimes(t *testing.T) {
	c, p := publish(t, newGate())
	send(t, c, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)),
		video(0, rtmptest.Frame(5, 50, 67)), video(33, rtmptest.Frame(1, 50, 134)), video(67, rtmptest.Frame(1, 50, 0)), video(100, rtmptest.Frame(1, 50, -33)))
	quit(t, c, p)
	var got []int64
	for _, u := range p.units {
		got = append(got, int64(u.PTS)/90)
	}
	if want := []int64{67, 167, 67, 67}; !reflect.DeepEqual(got, want) {
		t.Errorf("PTS in ms are %v, want %v", got, want)
	}
}

func TestHeaders(t *testing.T) {
	c, p := publish(t, newGate())
	send(t, c,
		video(0, rtmptest.Frame(5, 50, 0)), audio(0, rtmptest.Sound(50)), // before their headers: dropped
		video(33, rtmptest.VideoHeader(rtmptest.AVC720p30)), video(33, rtmptest.Frame(1, 51, 0)),
		audio(33, rtmptest.AudioHeader(rtmptest.AAC48kStereo)), audio(33, rtmptest.Sound(52)),
		video(66, rtmptest.VideoHeader(rtmptest.AVC720p30)), audio(66, rtmptest.AudioHeader(rtmptest.AAC48kStereo)), // the same again
		video(66, rtmptest.Frame(1, 53, 0)), audio(66, rtmptest.Sound(54)),
		video(100, rtmptest.VideoHeader(rtmptest.AVC1080p60)), video(100, rtmptest.Frame(5, 55, 0)), // another
		audio(100, rtmptest.AudioHeader(rtmptest.AAC44kMono)), audio(100, rtmptest.Sound(56)),
		video(133, rtmptest.VideoHeader("")), audio(133, rtmptest.AudioHeader("")), // none
		video(133, []byte{0x17, 2, 0, 0, 0}), video(133, []byte{0x57, 0}), video(133, nil), audio(133, nil), audio(133, []byte{0xaf, 1}))
	quit(t, c, p)

	var got []string
	for _, u := range p.units {
		got = append(got, fmt.Sprintf("%s %d", u.Track.CodecString(), len(u.Data)))
	}
	want := []string{"avc1.64001F 55", "mp4a.40.2 52", "avc1.64001F 57", "mp4a.40.2 54", "avc1.4D402A 59", "mp4a.40.2 56"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("units are %q, want %q", got, want)
	}
	if p.units[0].Track != p.units[2].Track || p.units[1].Track != p.units[3].Track {
		t.Error("a header that was repeated made a new track")
	}
	if len(p.tracks) != 4 {
		t.Errorf("the tracks changed %d times, want 4", len(p.tracks))
	}
	pic, sound := p.units[4].Track.Picture, p.units[5].Track.Sound
	if pic.Width != 1920 || pic.Height != 1080 || pic.Framerate != 60 || sound.SampleRate != 44100 || sound.Channels != 1 {
		t.Errorf("the last tracks are %dx%d at %v, %d Hz in %d channels", pic.Width, pic.Height, pic.Framerate, sound.SampleRate, sound.Channels)
	}
}

func TestMalformedTagsAreSkippedUntilThereAreTooMany(t *testing.T) {
	bad := append([]byte{0x27, 1, 0, 0, 0}, 0, 0, 0, 99, 0x61) // a NAL unit longer than the tag
	c, p := publish(t, newGate())
	send(t, c, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)), video(0, bad), video(0, []byte{0x27}), video(0, []byte{0x27, 9, 0, 0, 0}), video(33, rtmptest.Frame(5, 50, 0)))
	for range 60 {
		send(t, c, video(66, bad))
	}
	r, err := c.Expect("onStatus")
	if err != nil || r.Level != "error" || !strings.Contains(r.Description, "the media cannot be read") {
		t.Errorf("got %+v, %v", r, err)
	}
	if err := p.end(t); err == nil {
		t.Error("ended without cause")
	}
	if len(p.units) != 1 {
		t.Errorf("%d units, want 1", len(p.units))
	}
}
