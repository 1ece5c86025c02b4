package playback

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"openivs/internal/hls"
)

const (
	// maxQuery is how long a query may be that has delivery directives.
	maxQuery = 4 << 10

	// targets is how many target durations a blocked request is held, unless
	// that is less than awaited (RFC 8216bis, 6.2.5.2).
	targets = 3
)

// A directive is what a player asks of a media playlist (RFC 8216bis, 6.2.5).
type directive struct {
	msn  int64 // wait until this segment is there; negative: do not wait
	part int   // or this part of it; negative: all of it
	skip bool  // leave out what I know
}

var errDirective = errors.New("the delivery directives make no sense")

// readDirective reads the directives of a query.
func readDirective(query string) (directive, error) {
	d := directive{msn: -1, part: -1}
	if !strings.Contains(query, "_HLS_") {
		return d, nil
	}
	if len(query) > maxQuery {
		return d, errDirective
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return d, errDirective
	}
	if s := values.Get("_HLS_msn"); s != "" {
		if d.msn, err = strconv.ParseInt(s, 10, 64); err != nil || d.msn < 0 {
			return d, errDirective
		}
	}
	if s := values.Get("_HLS_part"); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < 0 || d.msn < 0 {
			return d, errDirective
		}
		d.part = int(n)
	}
	skip := values.Get("_HLS_skip")
	d.skip = skip == "YES" || skip == "v2"
	return d, nil
}

// variant answers a rendition's media playlist: when there is what the player
// waits for.
func (s *Server) variant(w http.ResponseWriter, r *http.Request, window *hls.Window, may rights) {
	d, err := readDirective(r.URL.RawQuery)
	snap := window.Snapshot()
	switch {
	case !snap.Playable():
		refuse(w, r, offline)
		return
	case err != nil || window.Delivery == hls.Parts && !snap.Soon(d.msn, d.part):
		refuse(w, r, badDirective)
		return
	case window.Delivery == hls.Parts && d.msn >= 0 && !snap.Ended && !snap.Has(d.msn, d.part):
		hold := max(awaited, targets*snap.Target)
		ctx, cancel := context.WithTimeout(r.Context(), hold)
		defer cancel()
		wait := window.Wait
		if d.part < 0 {
			wait = window.WaitWhole
		}
		snap, err = wait(ctx, func(s *hls.Snapshot) bool { return s.Away || s.Has(d.msn, d.part) })
		if err != nil {
			refuse(w, r, unavailable)
			return
		}
		if snap.Away {
			refuse(w, r, offline) // others are there
			return
		}
	}
	h := w.Header()
	fill(h, "Content-Type", playlistType, "Cache-Control", "no-cache")
	h.Add("Vary", "Accept-Encoding")
	var text interface {
		Playlist(delta bool) []byte
		PlaylistGzip(z *hls.Zippers, delta bool) []byte
	} = snap
	if may.strict {
		text = snap.Gated(s.Audience.gate(may.origins))
	}
	if acceptsGzip(r.Header) {
		fill(h, "Content-Encoding", "gzip")
		send(w, r, text.PlaylistGzip(&s.zippers, d.skip))
		return
	}
	send(w, r, text.Playlist(d.skip))
}
