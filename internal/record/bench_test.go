package record_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"openivs/internal/blob/disk"
	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media/mediatest"
	"openivs/internal/record"
)

// BenchmarkStream is what a minute of a stream costs to package, and to package and
// record into a directory, until all is stored. Bytes are those of the media.
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
			for b.Loop() {
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
		})
	}
}
