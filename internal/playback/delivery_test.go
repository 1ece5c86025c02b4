package playback

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestDeliveriesAreCountedOnce(t *testing.T) {
	var d Deliveries
	get := httptest.NewRequest(http.MethodGet, "/", nil)
	first, second := get.Clone(t.Context()), get.Clone(t.Context())
	first.Header.Set("Range", "bytes=0-999")
	second.Header.Set("Range", "bytes=1000-")
	d.add(get, "a", 2*time.Second)
	d.add(httptest.NewRequest(http.MethodHead, "/", nil), "a", 2*time.Second)
	d.add(first, "a", time.Second)
	d.add(second, "a", time.Second)
	d.add(get, "b", time.Second)
	if a, b, c := d.Of("a"), d.Of("b"), d.Of("c"); a != 3*time.Second || b != time.Second || c != 0 {
		t.Errorf("counted %v, %v, %v", a, b, c)
	}
	d.Keep(map[string]bool{"b": true})
	if a, b := d.Of("a"), d.Of("b"); a != 0 || b != time.Second {
		t.Errorf("kept %v, %v", a, b)
	}
}
