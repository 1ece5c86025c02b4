package hlsreader_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"openivs/e2e/hlsreader"
)

func TestNothingIsWrongWithAGoodStream(t *testing.T) {
	found := watch(t, nil, nil)
	for _, f := range found.Faults {
		t.Error(f)
	}
	if !found.Ended || found.Hints < 100 || found.Prefetches < 10 || found.Deltas < 20 || found.Decoded < 10 || found.Segments < 14 {
		t.Error(found)
	}
}

// from returns a function that is true from its nth call on, the first being 0.
func from(n int) func() bool {
	return func() bool { n--; return n < 0 }
}

// in replaces once there have been some playlists.
func in(after int, old, replacement string) func(*origin) {
	return func(o *origin) {
		now := from(after)
		o.playlist = func(text string) string {
			if now() {
				return strings.ReplaceAll(text, old, replacement)
			}
			return text
		}
	}
}

func TestFaultsAreFound(t *testing.T) {
	tests := []struct {
		name   string
		change func(o *origin)
		want   string
	}{
		{"TARGETDURATION changes", in(20, "TARGETDURATION:2", "TARGETDURATION:3"), "the target went from 2 s to 3 s"},
		{"PART-TARGET changes", in(20, "PART-TARGET=0.200", "PART-TARGET=0.210"), "that of parts from 0.2 s to 0.21 s"},
		{"a segment is longer than TARGETDURATION", in(0, "EXTINF:2.000", "EXTINF:2.600"), "lasts 2.6 s, EXT-X-TARGETDURATION is 2"},
		{"a part is longer than PART-TARGET", in(0, "PART:DURATION=0.200", "PART:DURATION=0.234"), "lasts 0.234 s, PART-TARGET is 0.2 s"},
		{"a part in the middle is short", in(0, "PART:DURATION=0.200", "PART:DURATION=0.100"), "lasts 0.1 s and is not the last"},
		{"parts do not make up the segment", in(0, "PART:DURATION=0.200", "PART:DURATION=0.180"), "its 10 parts 1.800 s"},
		{"hold back is short", in(0, "PART-HOLD-BACK=0.600", "PART-HOLD-BACK=0.400"), "PART-HOLD-BACK is 0.4"},
		{"skip limit is short", in(0, "CAN-SKIP-UNTIL=12.000", "CAN-SKIP-UNTIL=6.000"), "CAN-SKIP-UNTIL is 6"},
		{"no blocking reload", in(0, "CAN-BLOCK-RELOAD=YES,", ""), "no blocking reload"},
		{"no preload hint", in(0, "#EXT-X-PRELOAD-HINT", "#EXT-X-BITRATE:1\n#EXT-X-GAP-"), "no preload hint"},
		{"one prefetch", func(o *origin) {
			o.playlist = func(text string) string {
				i := strings.LastIndex(text, "#EXT-X-PREFETCH")
				return text[:max(i, 0)] + map[bool]string{true: text}[i < 0]
			}
		}, "1 EXT-X-PREFETCH, want 2"},
		{"no date", in(0, "#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-BITRATE"), "no EXT-X-PROGRAM-DATE-TIME"},
		{"a segment changes", in(40, "EXTINF:2.000", "EXTINF:2.001"), "changed from"},
		{"a part changes", in(40, ",INDEPENDENT=YES", ""), "changed from"},
		{"the media sequence goes back", in(120, "MEDIA-SEQUENCE:6", "MEDIA-SEQUENCE:5"), "went back from 6 to 5"},
		{"a discontinuity is not counted", func(o *origin) {
			o.playlist = func(text string) string {
				return strings.Replace(text, "#EXT-X-PROGRAM-DATE-TIME:2000-01-01T00:00:04", "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2000-01-01T00:00:04", 1)
			}
		}, "EXT-X-DISCONTINUITY-SEQUENCE is 0 at 3, want 1"},
		{"an unknown tag", in(0, "#EXTINF", "#EXT-X-NEW:1\n#EXTINF"), "unknown tag #EXT-X-NEW"},
		{"an old version", in(0, "VERSION:9", "VERSION:6"), "EXT-X-SKIP needs 9"},
		{"dates drift", in(0, ":10.000Z", ":10.040Z"), "s off the end of 4"},
		{"segments have other bytes than their parts", func(o *origin) {
			o.media = func(name string, b []byte) []byte {
				if strings.HasPrefix(name, "/segment") && len(b) > 6 {
					return append([]byte("0.0\n"), b...)
				}
				return b
			}
		}, "its parts 40 others"},
		{"prefetch is refused at the end", func(o *origin) {
			o.refuse = func(path string) int {
				if path == "/segment/15" || path == "/segment/16" {
					return http.StatusNotFound
				}
				return 0
			}
		}, "has status 404"},
		{"prefetch comes late and at once", func(o *origin) { o.eager = true }, "by its prefetch, not as it was made"},
		{"a part is refused", func(o *origin) {
			o.refuse = func(path string) int {
				if path == "/part/5.3" {
					return http.StatusNotFound
				}
				return 0
			}
		}, "part 5.3: status 404"},
		{"an independent part is not", func(o *origin) {
			o.decode = func([]byte) error { return errors.New("no parameter sets") }
		}, "says it is independent: no parameter sets"},
		{"nobody may read it", func(o *origin) {
			o.head = func(_ string, h http.Header) { h.Del("Access-Control-Allow-Origin") }
		}, "Access-Control-Allow-Origin"},
		{"nobody may keep it", func(o *origin) {
			o.head = func(_ string, h http.Header) { h.Set("Cache-Control", "no-store") }
		}, "Cache-Control"},
		{"sound is late", shift(func(p *hlsreader.Packet) bool { return !p.Video }, 0.08), "first sound"},
		{"sound has a hole", shift(func(p *hlsreader.Packet) bool { return !p.Video && p.PTS >= 12.5 }, 0.04), "silence of 0.04"},
		{"media time is not EXTINF's", shift(func(p *hlsreader.Packet) bool { return p.PTS >= 12 }, 0.02), "off where EXTINF says"},
		{"pictures go back", shift(func(p *hlsreader.Packet) bool { return p.PTS >= 12.6 && p.PTS < 12.62 }, -0.1), "between pictures"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // they wait for most of the time
			found := watch(t, tt.change, nil)
			if all := strings.Join(found.Faults, "\n"); !strings.Contains(all, tt.want) {
				t.Errorf("%v, among them not %q\n%s", found, tt.want, all)
			}
		})
	}
}

// shift moves some packets.
func shift(which func(p *hlsreader.Packet) bool, by float64) func(*origin) {
	return func(o *origin) {
		o.packets = func(list []hlsreader.Packet) {
			for i := range list {
				if p := &list[i]; which(p) {
					p.PTS += by
					p.DTS += by
				}
			}
		}
	}
}

func TestADecoderSeesTheInitializationSection(t *testing.T) {
	saw := false
	found := watch(t, func(o *origin) {
		in(0, "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-MAP:URI=\"segment/0\"\n#EXT-X-MEDIA-SEQUENCE")(o)
		o.decode = func(media []byte) error {
			saw = saw || bytes.HasPrefix(media, []byte("0.0\n0.1\n"))
			return nil
		}
	}, nil)
	if !saw {
		t.Errorf("the decoder did not get it: %v", found)
	}
}
