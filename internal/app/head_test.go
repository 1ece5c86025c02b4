package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Long heads are of a budget: no network takes all of it, and small ones are not
// of it.
func TestLongHeadsAreLimitedInAll(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	var served, refused int
	h := &web{full: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { refused++ })}
	ask := func(from, head string) {
		r := httptest.NewRequest(http.MethodDelete, "/tags/x?tagKeys="+head, nil)
		r.RemoteAddr = from
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	const most = maxHeadsPerAddr / (100 << 10) // a little less than so many fit
	var deeper func(n int)
	deeper = func(n int) {
		h.api = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			served++
			if n > 1 {
				deeper(n - 1)
			}
		})
		ask("192.0.2.1:1", long)
	}
	deeper(2 * most) // each is served within the one before
	if served != most || refused != 1 {
		t.Errorf("%d long heads of one network at a time, then %d refused; want %d and 1", served, refused, most)
	}
	h.api = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })
	served, refused = 0, 0
	for range 2 * most { // one after the other
		ask("192.0.2.1:1", long)
		ask("192.0.2.1:1", "x")
	}
	if served != 4*most || refused != 0 {
		t.Errorf("%d served, %d refused once there is room again; want all of %d", served, refused, 4*most)
	}
}
