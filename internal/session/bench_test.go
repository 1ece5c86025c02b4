package session_test

import (
	"testing"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/session"
)

// drain is a pipeline that costs nothing.
type drain struct{ playable chan struct{} }

func (drain) WriteUnit(media.Unit) error  { return nil }
func (d drain) Playable() <-chan struct{} { return d.playable }
func (drain) Renditions() (int, int)      { return 1, 1 }
func (drain) Close(bool) error            { return nil }

// quiet returns a registry whose pipelines cost nothing.
func quiet(d *disk) *session.Registry {
	return &session.Registry{
		Store: d,
		Open: func(ivs.Session) (session.Pipeline, error) {
			p := drain{make(chan struct{})}
			close(p.playable)
			return p, nil
		},
	}
}

func BenchmarkWriteUnit(b *testing.B) {
	ch := testChannel("")
	r := quiet(newDisk(ch))
	pub, err := r.Admit(b.Context(), request(ch))
	if err != nil {
		b.Fatal(err)
	}
	u := media.Unit{Track: videoTrack(), At: time.Now(), Data: make([]byte, 4096)}
	b.ReportAllocs()
	for b.Loop() {
		u.DTS += 3000
		if err := pub.WriteUnit(u); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	pub.End(nil)
	if err := r.Close(b.Context()); err != nil {
		b.Error(err)
	}
}

// One cycle of a publisher that comes and goes, without a real database.
func BenchmarkChurn(b *testing.B) {
	ch := testChannel("")
	r := quiet(newDisk(ch))
	b.ReportAllocs()
	for b.Loop() {
		pub, err := r.Admit(b.Context(), request(ch))
		if err != nil {
			b.Fatal(err)
		}
		pub.End(nil)
	}
	b.StopTimer()
	if err := r.Close(b.Context()); err != nil {
		b.Error(err)
	}
}

func BenchmarkStreams(b *testing.B) {
	d := newDisk()
	r := quiet(d)
	var pubs []ingest.Publication
	for range 500 {
		ch := testChannel("")
		d.keys[keyOf(ch)] = ch
		pub, err := r.Admit(b.Context(), request(ch))
		if err != nil {
			b.Fatal(err)
		}
		pubs = append(pubs, pub)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Streams()
	}
	b.StopTimer()
	for _, pub := range pubs {
		pub.End(nil)
	}
	if err := r.Close(b.Context()); err != nil {
		b.Error(err)
	}
}
