package console_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"openivs/internal/console"
)

func TestTheConsoleSaysThatThereIsNone(t *testing.T) {
	for method, want := range map[string]int{http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405} {
		w := httptest.NewRecorder()
		console.Handler{}.ServeHTTP(w, httptest.NewRequest(method, "/console/", nil))
		if w.Code != want {
			t.Errorf("%s /console/ answers %d, want %d", method, w.Code, want)
		}
		if method == http.MethodGet && !strings.Contains(w.Body.String(), "no web console") {
			t.Errorf("the page says %q", w.Body.String())
		}
	}
}
