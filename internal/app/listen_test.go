package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"openivs/internal/config"
)

func TestRequestsGoToThoseWhoAnswerThem(t *testing.T) {
	answer := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	const api, playback, away = 201, 202, 203
	const stream = "/api/video/v1/us-east-1.000000000000.channel.abcdefghijkl.m3u8"
	for _, tc := range []struct {
		method, path   string
		want, stopping int // status; the same once the server is stopping
	}{
		{"POST", "/CreateChannel", api, away},
		{"GET", "/tags/arn%3Aaws%3Aivs", api, away},
		{"GET", "/nothing", api, away},
		{"GET", stream, playback, playback},
		{"GET", "/", 302, 302},
		{"POST", "/", api, away},
		{"GET", "/console/", 200, 200},
		{"GET", "/console", api, away},
	} {
		h := &web{api: answer(api), playback: answer(playback), away: answer(away), console: answer(200)}
		for stopping, want := range map[bool]int{false: tc.want, true: tc.stopping} {
			h.stopping.Store(stopping)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, nil))
			if w.Code != want {
				t.Errorf("%s %s, stopping %v: %d, want %d", tc.method, tc.path, stopping, w.Code, want)
			}
		}
		if watched := h.audience(); watched != (tc.path == stream) {
			t.Errorf("%s %s counts as a viewer: %v", tc.method, tc.path, watched)
		}
	}
}

func TestAStoppingServerTellsClientsOfTheAPIToComeBack(t *testing.T) {
	cfg, err := config.Load(config.Source{Flags: map[string][]string{"data": {t.TempDir()}, "listen": {"127.0.0.1:0"}, "srt": {"127.0.0.1:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	for stopping, want := range map[bool]string{false: "MissingAuthenticationTokenException", true: "ServiceUnavailable"} {
		a.web.stopping.Store(stopping)
		w := httptest.NewRecorder()
		a.web.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/GetChannel", nil))
		if got := w.Header().Get("X-Amzn-ErrorType"); got != want {
			t.Errorf("stopping %v: %s, want %s", stopping, got, want)
		}
	}
}
