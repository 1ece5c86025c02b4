package hls_test

import (
	"bytes"
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// decode has ffmpeg decode a file to the end, and returns how many pictures it
// showed. It fails the test if ffmpeg complains.
func decode(t *testing.T, what string, file []byte) int {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatalf("ffmpeg is needed, make setup installs it: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), path, "-v", "warning", "-xerror", "-i", "pipe:0", "-map", "0:v", "-map", "0:a", "-f", "framemd5", "-")
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(file), &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("ffmpeg decodes %s: %v\n%s", what, err, complaints.String())
	}
	return strings.Count(out.String(), "\n0, ")
}

// TestEveryPlaceToBeginIsDecodable decodes each independent part and each
// segment alone, and all of a stream.
func TestEveryPlaceToBeginIsDecodable(t *testing.T) {
	both(t, func(t *testing.T, container hls.Container) {
		t.Helper()
		for name, clip := range map[string]*mediatest.Clip{"plain": mediatest.Plain(t), "reordered": mediatest.Reordered(t)} {
			c := newChannel(t, container)
			const length = 9 * time.Second
			c.write(clip.Units(length))
			c.close(true)
			snap := c.packager.Window.Snapshot()
			var all []byte
			for i, seg := range snap.Segments {
				var head []byte
				if seg.Init != nil {
					head = seg.Init.Data
				}
				if i == 0 {
					all = append(all, head...)
				}
				all = append(all, seg.Data...)
				decode(t, fmt.Sprintf("%s: segment %d", name, i), append(bytes.Clone(head), seg.Data...))
				for n, part := range seg.Parts {
					if part.Independent && i == 1 {
						if got := decode(t, fmt.Sprintf("%s: part %d of %d", name, n, i), append(bytes.Clone(head), part.Data...)); got != 6 {
							t.Errorf("%s: part %d of %d shows %d pictures, want 6", name, n, i, got)
						}
					}
				}
			}
			if got, want := decode(t, name, all), int(length.Seconds()*mediatest.Rate); got != want {
				t.Errorf("%s: ffmpeg shows %d pictures, want %d", name, got, want)
			}
		}
	})
}

var soak = flag.Bool("soak", false, "run a whole day")

// TestADay runs a stream for 24 hours, or one without -soak, from half an hour before
// the 33-bit clock wraps, in every form that is served, and looks for drift: between
// picture and sound, and between dates and media.
func TestADay(t *testing.T) {
	hours := time.Duration(1)
	if *soak {
		hours = 24
	}
	for _, form := range forms {
		if form.delivery == hls.Whole {
			continue
		}
		t.Run(fmt.Sprintf("%v %v", form.container, form.delivery), func(t *testing.T) {
			t.Parallel()
			aDay(t, form.container, form.delivery, hours)
		})
	}
}

func aDay(t *testing.T, container hls.Container, delivery hls.Delivery, hours time.Duration) {
	t.Helper()
	const from = 95443*time.Second - 30*time.Minute
	clip := mediatest.Plain(t) // 44.1 kHz
	w := &hls.Window{Stream: "st-1", Rendition: hls.Source, Container: container, Delivery: delivery}
	p := hls.Packager{Window: w}
	pl := &player{tb: t, window: w}
	checked, first := int64(0), int64(0) // first is how far the sound was off at first
	for u := range mediatest.Shift(clip.Units(hours*time.Hour), from) {
		if u.Track.Kind == media.Video {
			u.Data = u.Data[:min(len(u.Data), 64)] // bytes are not what this is about
			u.Data = mediatest.Join([]byte{u.Data[4], 1, 2})
		}
		if err := p.WriteUnit(u); err != nil {
			t.Fatal(err)
		}
		snap := w.Snapshot()
		begun := checked == 0 && snap.Next() == 2
		if snap.Next() == checked || snap.Next()%900 != 0 && !begun {
			continue
		}
		checked = snap.Next()
		seg := snap.Segments[len(snap.Segments)-1]
		pl.segments = map[int64]*watched{seg.MSN: {init: "../../segment/st-1/source/init-0.mp4"}}
		pictures, sounds := pl.demux(snap, seg.MSN, seg.Data)
		at := from + seg.Date.Sub(mediatest.Epoch()) // of the media, by the date
		want := int64(media.TicksOf(at))
		if container == hls.TS {
			want += tsDelay
		}
		if off := wrapped(pictures[0].pts - want); off > 3000 || off < -3000 {
			t.Errorf("after %v the picture is %d ticks off its date", at-from, off)
		}
		off := wrapped(sounds[0].pts - pictures[0].pts)
		if begun {
			first = off
		}
		if drift := off - first; drift > 3000 || drift < -3000 || off > 3000 || off < -6000 {
			t.Errorf("after %v the sound begins %d ticks after the picture, at first it was %d", at-from, off, first)
		}
		if size := hls.NewStream("", w).Size(); size > 4<<20 {
			t.Fatalf("the window has %d bytes", size)
		}
	}
	if checked < int64(hours)*3600/2-900 || checked <= 2 {
		t.Errorf("%d segments", checked)
	}
}
