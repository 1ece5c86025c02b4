package app

import (
	"net/http"

	"openivs/internal/limit"
)

// Limits on what the heads of requests take, in bytes. A head is read of anybody,
// whoever it is from.
const (
	// maxHead is the longest: the longest UntagResource, 50 keys of 128 characters
	// of four bytes, is 77 KB percent-encoded, beside a session token.
	maxHead = 128 << 10

	smallHead       = 32 << 10 // a connection may always have one of these
	maxHeads        = 16 << 20 // of all longer ones, while they are served
	maxHeadsPerAddr = 4 << 20  // of those from one IPv4 address or IPv6 /64
)

// room takes what the head of r costs out of the budget for long ones, if that has
// it, and returns what gives it back.
func room(heads *limit.Counter, r *http.Request) (leave func(), ok bool) {
	n := headSize(r)
	if n <= smallHead {
		return func() {}, true
	}
	from := limit.NetworkOf(r.RemoteAddr)
	if !heads.Acquire(from, n, maxHeads, maxHeadsPerAddr) {
		return nil, false
	}
	return func() { heads.Release(from, n) }, true
}

func headSize(r *http.Request) int64 {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return int64(n)
}
