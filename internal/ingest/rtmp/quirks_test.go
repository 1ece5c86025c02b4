package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"openivs/internal/ingest"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

var update = flag.Bool("update", false, "write the recordings anew")

// A quirk is something that an encoder in the field does. Its recording, all that
// the encoder sends behind the handshake, is a file in testdata/quirks.
type quirk struct {
	name   string
	record func() []byte // makes the recording
	want   string        // see heard.String
}

// A heard is a Gate and Publication that keeps what it is told.
type heard struct {
	sink
	request  ingest.Request
	declared []ingest.Declaration
	all      []media.Unit
	changes  int
}

func (h *heard) Admit(_ context.Context, r ingest.Request) (ingest.Publication, error) {
	h.request = r
	return h, nil
}

func (h *heard) Declare(d ingest.Declaration) { h.declared = append(h.declared, d) }

func (h *heard) SetTracks(tracks []*media.Track) { h.changes++; h.tracks = tracks }

func (h *heard) WriteUnit(u media.Unit) error { h.all = append(h.all, u); return nil }

// String is the key that was asked with, what was declared, and the units: v or
// a, the time in ms, +N if it is shown so much later, k for a keyframe, #N from
// where it has the Nth tracks.
func (h *heard) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", string(h.request.Key))
	if len(h.request.Query) > 0 {
		fmt.Fprintf(&b, "?%s", h.request.Query.Encode())
	}
	for _, d := range h.declared {
		fmt.Fprintf(&b, " [%s %d %d]", d.Encoder, d.VideoBitrate, d.Width)
	}
	tracks := map[*media.Track]bool{}
	for _, u := range h.all {
		kind := "a"
		if u.Track.Kind == media.Video {
			kind = "v"
		}
		fmt.Fprintf(&b, " %s%d", kind, u.DTS/90)
		if u.PTS != u.DTS {
			fmt.Fprintf(&b, "%+d", (u.PTS-u.DTS)/90)
		}
		if kind == "v" && u.Key {
			b.WriteByte('k')
		}
		if !tracks[u.Track] {
			tracks[u.Track] = true
			fmt.Fprintf(&b, "#%d", len(tracks))
		}
	}
	return b.String()
}

// A script is an encoder that is being recorded.
type script struct {
	rtmptest.Writer
	out bytes.Buffer
}

func (s *script) send(ms ...rtmptest.Message) *script {
	for _, m := range ms {
		s.out.Write(s.Append(nil, 0, m))
	}
	return s
}

func (s *script) form(form int, m rtmptest.Message) *script {
	s.out.Write(s.Append(nil, form, m))
	return s
}

func fields(pairs ...any) (o amf0.Object) {
	for i := 0; i < len(pairs); i += 2 {
		o = append(o, amf0.ObjectEntry{Key: fmt.Sprint(pairs[i]), Value: pairs[i+1]})
	}
	return o
}

func pic(ts uint32, body []byte) rtmptest.Message {
	return rtmptest.Message{Chunks: 6, Type: rtmptest.Video, Stream: 1, Timestamp: ts, Body: body}
}

func snd(ts uint32, body []byte) rtmptest.Message {
	return rtmptest.Message{Chunks: 4, Type: rtmptest.Audio, Stream: 1, Timestamp: ts, Body: body}
}

func data(values ...any) rtmptest.Message {
	return rtmptest.Message{Chunks: 4, Type: rtmptest.Data, Stream: 1, Body: rtmptest.AMF(values...)}
}

// opens are the commands up to publish.
func opens(app, name string) []rtmptest.Message {
	return []rtmptest.Message{
		rtmptest.Call(0, "connect", 1, fields("app", app, "tcUrl", "rtmp://127.0.0.1/"+app)),
		rtmptest.Call(0, "releaseStream", 2, nil, name), rtmptest.Call(0, "FCPublish", 3, nil, name),
		rtmptest.Call(0, "createStream", 4, nil), rtmptest.Call(1, "publish", 5, nil, name, "live"),
	}
}

func begins() *script { return new(script).send(opens("app", "sk_key")...) }

func headers() []rtmptest.Message {
	return []rtmptest.Message{pic(0, rtmptest.VideoHeader(rtmptest.AVC720p30)), snd(0, rtmptest.AudioHeader(rtmptest.AAC48kStereo))}
}

// frames are two pictures and two sounds.
func frames(from uint32) []rtmptest.Message {
	return []rtmptest.Message{pic(from, rtmptest.Frame(5, 40, 0)), snd(from, rtmptest.Sound(20)), snd(from+21, rtmptest.Sound(20)), pic(from+33, rtmptest.Frame(1, 20, 0))}
}

func body(ms []byte) func() []byte { return func() []byte { return ms } }

func recorded(s *script) func() []byte { return body(s.out.Bytes()) }

const plainMedia = " v0k#1 a0#2 a21 v33"

func quirks() []quirk {
	meta := fields("encoder", "e", "videodatarate", 2500.0, "width", 1280.0)
	first := opens("app", "sk_key")
	amf3 := first[4]
	amf3.Type, amf3.Body = rtmptest.CommandAMF3, append([]byte{0}, amf3.Body...)
	tiny, huge := &script{}, &script{}
	tiny.send(rtmptest.Message{Chunks: 2, Type: rtmptest.SetChunkSize, Body: []byte{0, 0, 0, 1}}).Size = 1
	huge.send(rtmptest.Message{Chunks: 2, Type: rtmptest.SetChunkSize, Body: []byte{0, 1, 0, 0}}).Size = 65536
	moved := headers()
	two, three := headers(), headers()
	for i := range two {
		two[i].Chunks, three[i].Chunks = 70+i, 400+i
	}
	chunked := func(ms []rtmptest.Message, id int) []rtmptest.Message {
		for i := range ms {
			ms[i].Chunks = id + int(ms[i].Type)
		}
		return ms
	}
	return []quirk{
		{"no-metadata", recorded(begins().send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"metadata-after-media", recorded(begins().send(headers()...).send(frames(0)...).send(data("@setDataFrame", "onMetaData", meta))), "sk_key [e 2500000 1280]" + plainMedia},
		{"metadata-bare", recorded(begins().send(data("onMetaData", meta)).send(headers()...).send(frames(0)...)), "sk_key [e 2500000 1280]" + plainMedia},
		{"metadata-array", recorded(begins().send(data("@setDataFrame", "onMetaData", amf0.ECMAArray(meta))).send(headers()...).send(frames(0)...)), "sk_key [e 2500000 1280]" + plainMedia},
		{"metadata-on-each-frame", recorded(begins().send(data("@setDataFrame", "onMetaData", meta)).send(headers()...).send(data("@setDataFrame", "onMetaData", meta)).send(frames(0)...)), "sk_key [e 2500000 1280]" + plainMedia},
		{"amf3-publish", recorded(new(script).send(first[:4]...).send(amf3).send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"key-with-query", recorded(new(script).send(opens("app", "sk_key?priority=5")...).send(headers()...).send(frames(0)...)), "sk_key?priority=5" + plainMedia},
		{"key-with-two-question-marks", recorded(new(script).send(opens("app", "sk_key?keyframeInterval=2?priority=5")...).send(headers()...).send(frames(0)...)), "sk_key?keyframeInterval=2&priority=5" + plainMedia},
		{"app-with-slash", recorded(new(script).send(opens("app/", "/sk_key")...).send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"key-in-app", recorded(new(script).send(opens("app/sk_key", "")...).send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"fcpublish-after-createstream", recorded(new(script).send(first[0], first[3], first[2], first[1], first[4]).send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"no-releasestream", recorded(new(script).send(first[0], first[3], first[4]).send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"chunk-size-1", recorded(tiny.send(first...).send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"chunk-size-65536", recorded(huge.send(first...).send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"chunk-stream-ids-of-2-bytes", recorded(begins().send(two...).send(chunked(frames(0), 70)...)), "sk_key" + plainMedia},
		{"chunk-stream-ids-of-3-bytes", recorded(begins().send(three...).send(chunked(frames(0), 400)...)), "sk_key" + plainMedia},
		{"extended-timestamp-repeated", recorded(extended(false)), "sk_key v16777215k#1 v33554430k v50331645k"},
		{"extended-timestamp-left-out", recorded(extended(true)), "sk_key v16777215k#1 v33554430k v50331645k"},
		{"timestamps-wrap-at-32-bits", recorded(begins().send(moved...).send(pic(0xffffff00, rtmptest.Frame(5, 40, 0)), pic(0xffffffdf, rtmptest.Frame(1, 20, 0)), pic(0, rtmptest.Frame(1, 20, 0)), pic(33, rtmptest.Frame(1, 20, 0)))), "sk_key v4294967040k#1 v4294967263 v4294967296 v4294967329"},
		{"negative-composition-time", recorded(begins().send(headers()...).send(pic(0, rtmptest.Frame(5, 40, 66)), pic(33, rtmptest.Frame(1, 20, -33)))), "sk_key v0+66k#1 v33-33"},
		{"sps-changes", recorded(begins().send(headers()...).send(frames(0)...).send(pic(66, rtmptest.VideoHeader(rtmptest.AVC1080p60)), pic(66, rtmptest.Frame(5, 40, 0)))), "sk_key" + plainMedia + " v66k#3"},
		{"aac-header-repeated", recorded(begins().send(headers()...).send(frames(0)...).send(snd(50, rtmptest.AudioHeader(rtmptest.AAC48kStereo)), snd(50, rtmptest.Sound(20)))), "sk_key" + plainMedia + " a50"},
		{"adts-in-flv", recorded(begins().send(headers()[0]).send(snd(0, append([]byte{0xaf, 1}, "\xff\xf1\x4c\x80\x01\x7f\xfcabcd"...)), pic(0, rtmptest.Frame(5, 40, 0)))), "sk_key a0#1 v0k#2"},
		{"empty-nal-units", recorded(begins().send(headers()...).send(pic(0, append([]byte{0x17, 1, 0, 0, 0, 0, 0, 0, 0}, rtmptest.Frame(5, 40, 0)[5:]...)))), "sk_key v0k#1"},
		{"aggregate", recorded(begins().send(headers()...).send(aggregate(frames(100)))), "sk_key v100k#1 a100#2 a121 v133"},
		{"ping-unanswered-window-0", recorded(begins().send(rtmptest.Message{Chunks: 2, Type: rtmptest.WindowAckSize, Body: make([]byte, 4)}, rtmptest.Message{Chunks: 2, Type: rtmptest.UserControl, Body: []byte{0, 7, 0, 0, 0, 1}}).send(headers()...).send(frames(0)...)), "sk_key" + plainMedia},
		{"audio-first", recorded(begins().send(headers()[1]).send(snd(0, rtmptest.Sound(20)), snd(21, rtmptest.Sound(20))).send(headers()[0]).send(pic(40, rtmptest.Frame(5, 40, 0)))), "sk_key a0#1 a21 v40k#2"},
		{"video-only", recorded(begins().send(headers()[0]).send(pic(0, rtmptest.Frame(5, 40, 0)), pic(33, rtmptest.Frame(1, 20, 0)))), "sk_key v0k#1 v33"},
		{"media-before-headers", recorded(begins().send(frames(0)...).send(headers()...).send(frames(66)...)), "sk_key v66k#1 a66#2 a87 v99"},
		{"enhanced", recorded(begins().send(pic(0, []byte("\x90avc1"+rtmptest.AVC720p30)), snd(0, []byte("\x90mp4a"+rtmptest.AAC48kStereo)), pic(0, enhanced("\x93", 5)), snd(0, []byte("\x91mp4aabc")))), "sk_key v0k#1 a0#2"},
		{"enhanced-mod-ex", recorded(begins().send(pic(0, []byte("\x90avc1"+rtmptest.AVC720p30)), pic(0, enhanced("\x97\x02\x00\x00\x07\x03", 5)), pic(33, enhanced("\xa7\xff\x00\xff"+strings.Repeat("x", 256)+"\x03", 1)))), "sk_key v0k#1 v33"},
		{"enhanced-mod-ex-cut-off", recorded(begins().send(pic(0, []byte("\x90avc1"+rtmptest.AVC720p30)), pic(0, []byte("\x97\x02\x00")), pic(33, enhanced("\x93", 5)))), "sk_key v33k#1"},
		{"hevc", recorded(begins().send(pic(0, []byte("\x90hvc1\x01")))), "sk_key, refused: the video is HEVC (H.265), which is not taken here; set the encoder to H.264 (AVC)"},
		{"hevc-of-old", recorded(begins().send(pic(0, []byte{0x1c, 0, 0, 0, 0, 1}))), "sk_key, refused: the video is HEVC (H.265), which is not taken here; set the encoder to H.264 (AVC)"},
		{"mp3", recorded(begins().send(snd(0, []byte{0x2f, 0xff, 0xfb}))), "sk_key, refused: the audio is MP3, which is not taken here; set the encoder to AAC-LC"},
		{"no-key", recorded(new(script).send(opens("app", "")...)), ", refused: publish: no stream key was sent; enter the channel's stream key in the encoder"},
	}
}

// enhanced is a coded frame of Enhanced RTMP behind its header.
func enhanced(header string, typ byte) []byte {
	return append([]byte(header+"avc1"), rtmptest.Frame(typ, 40, 0)[5:]...)
}

// extended sends keyframes whose timestamps need 32 bits, the later ones with
// headers of form 3, as a message that begins with the step of the one before.
func extended(omit bool) *script {
	const step = 1<<24 - 1
	s := begins().send(headers()...)
	s.OmitLong = omit
	frame := rtmptest.Frame(5, 200, 0)
	return s.form(0, pic(step, frame)).form(1, pic(2*step, frame)).form(3, pic(3*step, frame))
}

// aggregate puts messages into one.
func aggregate(ms []rtmptest.Message) rtmptest.Message {
	var b []byte
	for _, m := range ms {
		n := len(b)
		b = append(b, m.Type, byte(len(m.Body)>>16), byte(len(m.Body)>>8), byte(len(m.Body)))
		b = append(b, byte(m.Timestamp>>16), byte(m.Timestamp>>8), byte(m.Timestamp), byte(m.Timestamp>>24), 0, 0, 0)
		b = append(b, m.Body...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(b)-n))
	}
	return rtmptest.Message{Chunks: 6, Type: rtmptest.Aggregate, Stream: 1, Timestamp: ms[0].Timestamp, Body: b}
}

// replay feeds a recording in slices of so many bytes.
func replay(ctx context.Context, b []byte, size int) string {
	var h heard
	s := session{gate: &h}
	for len(b) > 0 {
		n := min(size, len(b))
		if err := s.feed(ctx, b[:n], mediatest.Epoch()); err != nil {
			return h.String() + ", refused: " + err.Error()
		}
		b = b[n:]
	}
	return h.String()
}

// TestQuirks replays what encoders in the field do, one by one: each is taken
// with the right media, or refused with a reason.
func TestQuirks(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range quirks() {
		t.Run(q.name, func(t *testing.T) {
			file := filepath.Join("testdata", "quirks", q.name+".rtmp")
			seen[q.name+".rtmp"] = true
			if *update {
				if err := os.WriteFile(file, q.record(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, q.record()) {
				t.Error("the recording is not what its encoder sends: -update writes it anew")
			}
			for _, size := range []int{len(b), 1, 1000} {
				if got := replay(t.Context(), b, size); got != q.want {
					t.Errorf("in slices of %d bytes it is\n%s\nwant\n%s", size, got, q.want)
				}
			}
		})
	}
	all, err := os.ReadDir(filepath.Join("testdata", "quirks"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !seen[e.Name()] {
			t.Errorf("%s belongs to no encoder", e.Name())
		}
	}
}
