package hlsreader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"
)

const (
	// fetchIn is how long anything may take to come whole.
	fetchIn = 30 * time.Second
	// maxBody is the most that is read of anything, in bytes.
	maxBody = 64 << 20
	// elsewhere is the site that this player is embedded in.
	elsewhere = "https://elsewhere.example"
)

// A response is what came back, whole.
type response struct {
	status      int
	header      http.Header
	body        []byte
	asked       time.Time
	first, last time.Time // when its first and last byte came
	zipped      bool
}

// get fetches a URL whole.
func (w *watch) get(address string) (*response, error) {
	return w.do(http.MethodGet, address, nil)
}

func (w *watch) do(method, address string, header http.Header) (*response, error) {
	ctx, cancel := context.WithTimeout(w.ctx, fetchIn)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Origin", elsewhere)
	out := &response{asked: time.Now()}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out.status, out.header, out.zipped = res.StatusCode, res.Header, res.Uncompressed
	buf := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(buf)
		if n > 0 {
			out.last = time.Now()
			if out.first.IsZero() {
				out.first = out.last
			}
			out.body = append(out.body, buf[:n]...)
		}
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return out, fmt.Errorf("%w after %d bytes: %w", errCutOff, len(out.body), err)
		case len(out.body) > maxBody:
			return out, fmt.Errorf("more than %d bytes", maxBody)
		}
	}
}

// checkPlaylist checks how a playlist is sent.
func (r *response) checkPlaylist(h *history) {
	r.checkOrigin(h, "the playlist")
	if t := r.header.Get("Content-Type"); !strings.EqualFold(t, "application/vnd.apple.mpegurl") && !strings.EqualFold(t, "application/x-mpegurl") {
		h.fault("the playlist has Content-Type %q", t)
	}
	if !r.zipped {
		h.fault("the playlist is not compressed for who accepts it")
	}
}

// checkMedia checks how a segment or part is sent.
func (r *response) checkMedia(h *history, what string) {
	r.checkOrigin(h, what)
	switch t := r.header.Get("Content-Type"); t {
	case "video/mp2t", "video/mp4", "video/iso.segment", "audio/mp4":
	default:
		h.fault("%s has Content-Type %q", what, t)
	}
}

// checkKept checks that a cache may keep what is finished.
func (r *response) checkKept(h *history, what string) {
	r.checkMedia(h, what)
	if c := r.header.Get("Cache-Control"); !strings.Contains(c, "max-age=") || !strings.Contains(c, "immutable") {
		h.fault("%s has Cache-Control %q, want a max-age and immutable", what, c)
	}
	if r.header.Get("ETag") == "" {
		h.fault("%s has no ETag", what)
	}
}

func (r *response) checkOrigin(h *history, what string) {
	if o := r.header.Get("Access-Control-Allow-Origin"); o != "*" && o != elsewhere {
		h.fault("%s has Access-Control-Allow-Origin %q", what, o)
	}
}
