package restjson

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// minGzip is the shortest answer that is compressed, in bytes: below it the
// saving is smaller than a packet.
const minGzip = 1 << 10

// acceptsGzip reports whether an answer may be compressed (RFC 9110, 12.5.3).
func acceptsGzip(h http.Header) bool {
	star := false
	for _, line := range h["Accept-Encoding"] {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ",")
			name, weight, _ := strings.Cut(part, ";")
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
				return wanted(weight)
			case name == "*":
				star = wanted(weight)
			}
		}
	}
	return star
}

// wanted reports whether a weight is above zero. What cannot be read is refused.
func wanted(weight string) bool {
	weight = strings.TrimSpace(weight)
	if weight == "" {
		return true
	}
	q, ok := strings.CutPrefix(strings.ToLower(weight), "q=")
	v, err := strconv.ParseFloat(q, 64)
	return ok && err == nil && v > 0
}

// A packer compresses answers. It is kept for the next one, apart from the
// memory of exchanges, for it is large.
type packer struct {
	gzip   *gzip.Writer
	packed bytes.Buffer
}

type packerPool struct{ pool sync.Pool }

func (p *packerPool) get() *packer {
	if k, ok := p.pool.Get().(*packer); ok {
		return k
	}
	k := new(packer)
	k.gzip, _ = gzip.NewWriterLevel(&k.packed, gzip.BestSpeed) // the level is one
	return k
}

func (p *packerPool) put(k *packer) {
	if k.packed.Cap() <= maxKept {
		p.pool.Put(k)
	}
}

// pack returns body in gzip, good until the next call.
func (k *packer) pack(body []byte) []byte {
	k.packed.Reset()
	k.gzip.Reset(&k.packed)
	_, _ = k.gzip.Write(body) // memory takes everything
	_ = k.gzip.Close()
	return k.packed.Bytes()
}
