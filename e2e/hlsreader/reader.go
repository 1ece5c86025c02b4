package hlsreader

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// maxFaults is how many faults are kept; the rest is counted.
	maxFaults = 50
	// retry is how long a refused playlist is left alone.
	retry = 100 * time.Millisecond
	// reportsEvery is how many reloads pass between two looks at what a
	// playlist reports of other renditions.
	reportsEvery = 5
)

// A Packet is a coded picture or audio frame. Times are in seconds.
type Packet struct {
	Video    bool
	Key      bool
	PTS, DTS float64
	Duration float64
}

// Tools look into media, which begins with its initialization section if it has
// one.
type Tools interface {
	// Packets returns what is in it, in the order it is written in.
	Packets(ctx context.Context, media []byte) ([]Packet, error)
	// Decode reports whether it can be decoded from its beginning to its end.
	Decode(ctx context.Context, media []byte) error
}

// A Reader watches one live stream. Set the fields before Watch.
type Reader struct {
	URL       string            // of the multivariant playlist
	Tools     Tools             // required
	Parts     bool              // parts are wanted
	Prefetch  int               // how many EXT-X-PREFETCH lines a low-latency playlist has to have
	Transport http.RoundTripper // nil: one of its own
	// Patience is how long a server may be away, as while it starts again. 0: not
	// at all.
	Patience time.Duration
}

// Findings are what was seen of a stream.
type Findings struct {
	Faults []string // empty if there was nothing wrong
	More   int      // faults that did not fit

	Renditions, Reloads, Deltas, Reported int
	Segments, Parts, Hints, Prefetches    int
	Decoded, Discontinuities, Outages     int
	Misled                                int // hints at a part that its segment ended before
	Target, PartTarget                    float64
	First, Last                           int64 // media sequence numbers of the first rendition
	Ended                                 bool  // with EXT-X-ENDLIST in every rendition
	Behind                                []float64
}

// String says how much was seen in one line.
func (f *Findings) String() string {
	return fmt.Sprintf("%d renditions, %d reloads, %d delta updates, %d rendition reports, %d segments, %d parts, %d hints and %d in vain, %d prefetches, %d parts decoded, %d discontinuities, %d outages, target %g s, part target %g s, segments %d to %d, ended %t, %d faults",
		f.Renditions, f.Reloads, f.Deltas, f.Reported, f.Segments, f.Parts, f.Hints, f.Misled, f.Prefetches, f.Decoded, f.Discontinuities, f.Outages,
		f.Target, f.PartTarget, f.First, f.Last, f.Ended, len(f.Faults)+f.More)
}

// A watch is one run of a Reader.
type watch struct {
	Reader
	ctx    context.Context //nolint:containedctx // it is the run itself
	client *http.Client
	busy   chan struct{} // one tool runs at a time
	work   sync.WaitGroup

	mu    sync.Mutex
	found Findings
}

// Watch reads the stream until it or ctx ends.
func (r *Reader) Watch(ctx context.Context) (*Findings, error) {
	w := &watch{Reader: *r, ctx: ctx, client: &http.Client{Transport: r.Transport}, busy: make(chan struct{}, 1)}
	if r.Transport == nil {
		own := &http.Transport{MaxIdleConnsPerHost: 16}
		defer own.CloseIdleConnections()
		w.client.Transport = own
	}
	from, err := url.Parse(r.URL)
	if err != nil {
		return nil, err
	}
	res, err := w.get(r.URL) //nolint:contextcheck // a watch holds the context it was made with
	if err != nil {
		return nil, err
	}
	if res.status != http.StatusOK {
		return nil, fmt.Errorf("%s: %d %s", r.URL, res.status, res.body)
	}
	variants, err := Variants(string(res.body), from)
	if err != nil {
		return nil, err
	}
	w.found.Renditions = len(variants)
	w.found.Ended = true
	var group sync.WaitGroup
	for i, v := range variants {
		group.Go(func() { w.follow(i, v, variants) }) //nolint:contextcheck // as above
	}
	group.Wait()
	w.work.Wait()
	return &w.found, nil
}

// fault notes that something is wrong, once.
func (w *watch) fault(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	w.count(func(f *Findings) {
		switch {
		case slices.Contains(f.Faults, what):
		case len(f.Faults) >= maxFaults:
			f.More++
		default:
			f.Faults = append(f.Faults, what)
		}
	})
}

func (w *watch) count(change func(f *Findings)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.found)
}

// follow reads one rendition.
func (w *watch) follow(index int, address string, all []string) {
	h := newHistory(w, index, address, all)
	defer h.leave()
	query := ""
	for n := 0; w.ctx.Err() == nil; n++ {
		p, ok := h.reload(query)
		if !ok {
			return
		}
		if p == nil {
			query = "" // after an outage everything is read again
			continue
		}
		h.look(p)
		if p.Ended {
			return
		}
		if n == 0 {
			h.tryLimits(p)
		}
		if n%reportsEvery == reportsEvery-1 {
			h.tryReports()
		}
		query = h.next(p, n)
	}
}

// next returns what to ask the playlist with, when it is time.
func (h *history) next(p *Playlist, n int) string {
	if !p.Control.CanBlock {
		h.pause(time.Duration(p.Target * float64(time.Second) / 4))
		return ""
	}
	msn, part := p.Edge()
	q := url.Values{"_HLS_msn": {strconv.FormatInt(msn, 10)}}
	if p.PartTarget > 0 {
		q.Set("_HLS_part", strconv.Itoa(part))
	}
	if p.Control.CanSkipUntil > 0 && n%2 == 1 {
		q.Set("_HLS_skip", "YES")
	}
	return q.Encode()
}

func (h *history) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-h.w.ctx.Done():
	}
}

var errCutOff = errors.New("cut off")

// reload reads the playlist. It returns nil if the server was away, and false if
// there is nothing more to read.
func (h *history) reload(query string) (*Playlist, bool) {
	address := h.address
	if query != "" {
		address += "?" + query
	}
	res, err := h.w.get(address)
	switch {
	case h.w.ctx.Err() != nil:
		return nil, false
	case err == nil && res.status == http.StatusOK:
	case h.w.Patience > 0:
		return nil, h.outage()
	case err != nil:
		h.fault("the playlist: %v", err)
		return nil, false
	default:
		h.fault("the playlist asked with %q: status %d %s", query, res.status, res.body)
		return nil, false
	}
	if h.awayFrom != (time.Time{}) {
		h.w.count(func(f *Findings) { f.Outages++ })
		h.awayFrom = time.Time{}
	}
	res.checkPlaylist(h)
	from, err := url.Parse(address)
	if err != nil {
		h.fault("the playlist: %v", err)
		return nil, false
	}
	p, faults, err := ParsePlaylist(string(res.body), from)
	if err != nil {
		h.fault("the playlist asked with %q: %v", query, err)
		return nil, false
	}
	for _, f := range faults {
		h.fault("the playlist asked with %q: %s", query, f)
	}
	h.w.count(func(f *Findings) { f.Reloads++ })
	h.blocked(query, &p)
	return &p, true
}

// outage waits a moment for the server to come back.
func (h *history) outage() bool {
	if h.awayFrom.Equal((time.Time{})) {
		h.awayFrom = time.Now()
	}
	if time.Since(h.awayFrom) > h.w.Patience {
		h.fault("the server was away for more than %v", h.w.Patience)
		return false
	}
	h.pause(retry)
	return true
}

// blocked checks that a reload was answered with what it waited for.
func (h *history) blocked(query string, p *Playlist) {
	q, err := url.ParseQuery(query)
	if err != nil || !q.Has("_HLS_msn") || p.Ended {
		return
	}
	msn, part := p.Edge()
	want, err := strconv.ParseInt(q.Get("_HLS_msn"), 10, 64)
	if err != nil {
		return
	}
	wantPart := -1
	if q.Has("_HLS_part") {
		if wantPart, err = strconv.Atoi(q.Get("_HLS_part")); err != nil {
			return
		}
	}
	if msn < want || msn == want && part <= wantPart || msn == want && wantPart < 0 {
		h.fault("asked with %s, the playlist ends before %d.%d", query, msn, part)
	}
}
