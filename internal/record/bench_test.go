package record_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"openivs/internal/blob/disk"
	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media/mediatest"
	"openivs/internal/record"
)

// BenchmarkStream is what a minute of a stream costs to package, and to package and
// record into a directory, until all is stored. Bytes are those of the media. cpu-us/s
// is processor time of all goroutines for each second of the stream, read-B/B and
// written-B/B are what system calls copied for each byte of media.
func BenchmarkStream(b *testing.B) {
	const length = time.Minute
	conf := ivs.RecordingConfiguration{State: ivs.RecordingActive}
	conf.Destination.S3.Bucket = "demo-bucket"
	conf.Complete()
	conf.Thumbnails.Mode = ivs.ThumbnailsDisabled
	text, err := json.Marshal(conf)
	if err != nil {
		b.Fatal(err)
	}
	for name, recorded := range map[string]bool{"packaged": false, "recorded": true} {
		b.Run(name, func(b *testing.B) {
			clip := mediatest.Plain(b)
			dir := b.TempDir()
			b.ReportAllocs()
			size := int64(0)
			before, rounds := used(b), 0
			for b.Loop() {
				rounds++
				r := record.Recorder{
					Dir:    dir,
					Bucket: func(name string) record.Bucket { return &disk.Bucket{Dir: filepath.Join(dir, name)} },
					Note:   func(context.Context, ivs.Event) error { return nil },
				}
				s := ivs.Session{StreamID: ivs.NewStreamID(), Recording: text}
				s.Channel.Channel.ARN = ivs.NewARN("us-east-1", "123456789012", ivs.KindChannel)
				rec := r.Begin(s)
				size = 0
				p := hls.Packager{Window: &hls.Window{Stream: s.StreamID, Rendition: hls.Source}}
				p.Window.Keep = func(w *hls.Window, seg *hls.Segment, f hls.Facts) {
					size += int64(len(seg.Data))
					if recorded {
						rec.Segment(w, seg, f)
						rec.Playable()
					}
				}
				for u := range clip.Units(length) {
					if err := p.WriteUnit(u); err != nil {
						b.Fatal(err)
					}
				}
				if err := p.Close(true); err != nil {
					b.Fatal(err)
				}
				rec.End(true)
				if err := r.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(size)
			after, media := used(b), float64(size)*float64(rounds)
			b.ReportMetric(float64((after.cpu-before.cpu).Microseconds())/length.Seconds()/float64(rounds), "cpu-us/s")
			b.ReportMetric(float64(after.read-before.read)/media, "read-B/B")
			b.ReportMetric(float64(after.written-before.written)/media, "written-B/B")
		})
	}
}

// usage is what this process has used until now.
type usage struct {
	cpu           time.Duration
	read, written int64 // bytes, by system calls; 0 where that is not known
}

func used(b *testing.B) (u usage) {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	u.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	text, _ := os.ReadFile("/proc/self/io")
	for line := range strings.Lines(string(text)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, _ := strconv.ParseInt(number, 10, 64)
		switch name {
		case "rchar":
			u.read = n
		case "wchar":
			u.written = n
		}
	}
	return u
}
