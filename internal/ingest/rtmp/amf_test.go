package rtmp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"openivs/internal/ingest"
	"openivs/internal/ingest/rtmp/rtmptest"
)

// scan lists the values in b.
func scan(b []byte) (list []string, err error) {
	s := amfScanner{b: b}
	for {
		t, ok := s.next()
		if !ok {
			return list, s.err
		}
		list = append(list, fmt.Sprintf("%d.%d %q %d %x %q", t.arg, t.depth, t.key, t.kind, math.Float64bits(t.num), t.text))
	}
}

// flatten lists what gortmplib decoded in the same way.
func flatten(list []string, arg, depth int, key string, v any) []string {
	kind, num, text := amfOther, 0.0, ""
	var members []amf0.ObjectEntry
	switch v := v.(type) {
	case float64:
		kind, num = amfNumber, v
	case bool:
		kind = amfBool
		if v {
			num = 1
		}
	case string:
		kind, text = amfText, v
	case amf0.Object:
		kind, members = amfContainer, v
	case amf0.ECMAArray:
		kind, members = amfContainer, v
	case amf0.StrictArray:
		kind = amfContainer
		for _, e := range v {
			members = append(members, amf0.ObjectEntry{Value: e})
		}
	}
	list = append(list, fmt.Sprintf("%d.%d %q %d %x %q", arg, depth, key, kind, math.Float64bits(num), text))
	for _, m := range members {
		list = flatten(list, arg, depth+1, m.Key, m.Value)
	}
	return list
}

func nested(n int) []byte {
	return append(rtmptest.AMF("onMetaData"), bytes.Repeat([]byte{amfMarkObject, 0, 1, 'a'}, n)...)
}

func TestAMFIsRefusedBeyondItsLimits(t *testing.T) {
	for _, tc := range []struct {
		name string
		b    []byte
		want error
	}{
		{"32 levels", append(nested(32), amfMarkNull), nil},
		{"33 levels", append(nested(33), amfMarkNull), errAMFDepth},
		{"10,000 levels", nested(10000), errAMFDepth},
		{"10,000 arrays in arrays", bytes.Repeat([]byte{amfMarkStrictArray, 0, 0, 0, 1}, 10000), errAMFDepth},
		{"too many values", bytes.Repeat([]byte{amfMarkNull}, maxAMFValues+1), errAMFMany},
		{"an array of four billion", []byte{amfMarkStrictArray, 0xff, 0xff, 0xff, 0xff, amfMarkNull}, errAMFShort},
		{"a text of four billion", []byte{amfMarkLongString, 0xff, 0xff, 0xff, 0xff, 'x'}, errAMFShort},
		{"a type that is none", []byte{0x77}, errAMFMarker},
		{"AMF 3 inside", []byte{0x11, 1}, errAMFMarker},
		{"a number cut off", []byte{amfMarkNumber, 1, 2}, errAMFShort},
		{"a key cut off", []byte{amfMarkObject, 0, 9, 'x'}, errAMFShort},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := scan(tc.b); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	object := func(members ...amf0.ObjectEntry) []byte { return rtmptest.AMF("onMetaData", amf0.Object(members)) }
	entry := func(k string, v any) amf0.ObjectEntry { return amf0.ObjectEntry{Key: k, Value: v} }
	date := append(append(rtmptest.AMF("onMetaData"), amfMarkObject, 0, 1, 'd', amfMarkDate, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5), "width\x00\x40\x84\x00\x00\x00\x00\x00\x00\x00\x00\x09"...)
	for _, tc := range []struct {
		name string
		body []byte
		want ingest.Declaration
		ok   bool
	}{
		{"nothing", object(), ingest.Declaration{}, true},
		{"ffmpeg's unit of 1024", object(entry("videodatarate", 9e6/1024)), ingest.Declaration{VideoBitrate: 8789062}, true},
		{"not a number", object(entry("videodatarate", math.NaN()), entry("framerate", math.Inf(1)), entry("width", -5.0), entry("height", 1e300)), ingest.Declaration{}, true},
		{"numbers as text", object(entry("framerate", "29.97"), entry("width", "1280"), entry("height", "much"), entry("audiosamplerate", strings.Repeat("1", 99))), ingest.Declaration{Framerate: 29.97, Width: 1280}, true},
		{"channels win over stereo", object(entry("audiochannels", 6.0), entry("stereo", true)), ingest.Declaration{Channels: 6}, true},
		{"mono", object(entry("stereo", false)), ingest.Declaration{Channels: 1}, true},
		{"members of members are not meant", object(entry("keyframes", amf0.Object{entry("width", 5.0)}), entry("height", 720.0)), ingest.Declaration{Height: 720}, true},
		{"a date among them", date, ingest.Declaration{Width: 640}, true},
		{"an encoder's name that is no UTF-8, has a NUL and is too long", object(entry("encoder", "\xff\x00"+strings.Repeat("é", 300))), ingest.Declaration{Encoder: "\uFFFD" + strings.Repeat("é", 126)}, true},
		{"no end", rtmptest.AMF("onMetaData", amf0.Object{entry("width", 5.0)})[:30], ingest.Declaration{Width: 5}, true},
		{"something else", rtmptest.AMF("onCaptionInfo", amf0.Object{entry("width", 5.0)}), ingest.Declaration{}, false},
		{"nested without end", nested(10000), ingest.Declaration{}, false},
		{"over 64 KiB", append(object(entry("width", 5.0)), make([]byte, maxAMF)...), ingest.Declaration{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r metadataReader
			got, ok := r.read(tc.body)
			if ok != tc.ok || ok && got != tc.want {
				t.Errorf("got %+v, %v; want %+v, %v", got, ok, tc.want, tc.ok)
			}
			if _, again := r.read(bytes.Clone(tc.body)); again {
				t.Error("the same again counts as news")
			}
		})
	}
}

// FuzzAMF compares with gortmplib's decoder what has no type that it lacks.
func FuzzAMF(f *testing.F) {
	f.Add(rtmptest.AMF("connect", 1.0, amf0.Object{{Key: "app", Value: "app"}, {Key: "n", Value: amf0.StrictArray{1.0, "x", nil, true}}}, amf0.ECMAArray{{Key: "k", Value: amf0.Undefined{}}}))
	f.Add(nested(31))
	f.Add([]byte{amfMarkTypedObject, 0, 1, 'c', 0, 1, 'k', amfMarkXML, 0, 0, 0, 1, 'x', 0, 0, 9, amfMarkDate, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, amfMarkReference, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxAMF {
			return
		}
		got, err := scan(b)
		if len(got) > maxAMFValues {
			t.Fatalf("%d values", len(got))
		}
		_, _ = parseCommand(b)
		_, _ = parseMetadata(b)
		if errors.Is(err, errAMFDepth) || errors.Is(err, errAMFMany) {
			return
		}
		data, refErr := amf0.Unmarshal(b)
		if refErr != nil {
			return
		}
		if err != nil {
			t.Fatalf("%v, but gortmplib reads %v", err, data)
		}
		var want []string
		for i, v := range data {
			want = flatten(want, i, 0, "", v)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %q\nwant %q", got, want)
		}
	})
}

func BenchmarkMetadataRepeated(b *testing.B) {
	body := rtmptest.AMF("@setDataFrame", "onMetaData", amf0.ECMAArray{{Key: "videodatarate", Value: 2500.0}, {Key: "width", Value: 1280.0}, {Key: "encoder", Value: "GStreamer"}, {Key: "filesize", Value: 1.0}})
	other := bytes.Replace(body, []byte{0x3f, 0xf0}, []byte{0x3f, 0xf1}, 1) // another file size
	for _, bc := range []struct {
		name string
		next []byte
	}{{"same", body}, {"other", other}} {
		b.Run(bc.name, func(b *testing.B) {
			var r metadataReader
			r.read(body)
			b.ReportAllocs()
			for b.Loop() {
				r.read(bc.next)
				bc.next, body = body, bc.next
			}
		})
	}
}
