package playback

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Deliveries counts the media that viewers of each stream were sent. The zero
// value is ready.
type Deliveries struct {
	streams sync.Map // of *atomic.Int64, in nanoseconds, by stream id
}

// add notes that a request is answered with so much media of a stream that there
// is. What a request asks for in pieces counts with the first.
func (d *Deliveries) add(r *http.Request, stream string, length time.Duration) {
	if r.Method != http.MethodGet {
		return
	}
	if piece := r.Header.Get("Range"); piece != "" && !strings.HasPrefix(piece, "bytes=0-") {
		return
	}
	n, known := d.streams.Load(stream)
	if !known {
		n, _ = d.streams.LoadOrStore(stream, new(atomic.Int64))
	}
	if count, ok := n.(*atomic.Int64); ok {
		count.Add(int64(length))
	}
}

// Of returns how much media of a stream viewers were sent.
func (d *Deliveries) Of(stream string) time.Duration {
	n, known := d.streams.Load(stream)
	count, ok := n.(*atomic.Int64)
	if !known || !ok {
		return 0
	}
	return time.Duration(count.Load())
}

// Keep forgets all streams but those that are named.
func (d *Deliveries) Keep(streams map[string]bool) {
	d.streams.Range(func(stream, _ any) bool {
		if id, ok := stream.(string); ok && !streams[id] {
			d.streams.Delete(id)
		}
		return true
	})
}
