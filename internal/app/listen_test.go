package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRequestsGoToThoseWhoAnswerThem(t *testing.T) {
	answer := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	const api, playback = 201, 202
	const stream = "/api/video/v1/us-east-1.000000000000.channel.abcdefghijkl.m3u8"
	for _, tc := range []struct {
		method, path   string
		want, stopping int // status; the same once the server is stopping
	}{
		{"POST", "/CreateChannel", api, 503},
		{"GET", "/tags/arn%3Aaws%3Aivs", api, 503},
		{"GET", "/nothing", api, 503},
		{"GET", stream, playback, playback},
		{"GET", "/", 302, 302},
		{"POST", "/", api, 503},
		{"GET", "/console/", 200, 200},
		{"GET", "/console", api, 503},
	} {
		h := &web{api: answer(api), playback: answer(playback)}
		for stopping, want := range map[bool]int{false: tc.want, true: tc.stopping} {
			h.stopping.Store(stopping)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, nil))
			if w.Code != want {
				t.Errorf("%s %s, stopping %v: %d, want %d", tc.method, tc.path, stopping, w.Code, want)
			}
			if w.Code == 503 && (w.Header().Get("X-Amzn-ErrorType") == "" || w.Header().Get("Retry-After") == "") {
				t.Errorf("%s %s: a 503 without the headers of AWS: %v", tc.method, tc.path, w.Header())
			}
		}
		if watched := h.audience(); watched != (tc.path == stream) {
			t.Errorf("%s %s counts as a viewer: %v", tc.method, tc.path, watched)
		}
	}
}
