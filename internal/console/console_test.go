package console_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"openivs/internal/console"
)

func TestABuildWithoutTheConsoleSaysHowToGetIt(t *testing.T) {
	for method, want := range map[string]int{http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405} {
		w := httptest.NewRecorder()
		console.Handler{Without: true}.ServeHTTP(w, httptest.NewRequest(method, "/console/", nil))
		if w.Code != want {
			t.Errorf("%s /console/ answers %d, want %d", method, w.Code, want)
		}
		if method == http.MethodGet && !strings.Contains(w.Body.String(), "make build") {
			t.Errorf("the page says %q", w.Body.String())
		}
	}
}

// get asks the handler of a build that has a console; it skips the test of one
// that has none.
func get(t *testing.T, path, encoding string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	console.Handler{Region: `eu"<`, Account: "123456789012"}.ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "make build") {
		t.Skip("this build has no console: tools/console")
	}
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var assetForm = regexp.MustCompile(`(?:src|href)="(/console/assets/[^"]+)"`)

func TestThePageSaysWhichServerItIsOfAndRunsNothingFromElsewhere(t *testing.T) {
	r := get(t, "/console/", "")
	page := text(t, r)
	if !strings.Contains(page, `content="eu&#34;&lt;"`) || !strings.Contains(page, `content="123456789012"`) {
		t.Errorf("the page does not say its server:\n%s", page)
	}
	policy := r.Header.Get("Content-Security-Policy")
	for _, never := range []string{"unsafe", "http:", "https:", "*"} {
		if strings.Contains(policy, never) {
			t.Errorf("the policy allows %s: %s", never, policy)
		}
	}
	if strings.Contains(page, "://") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(page) {
		t.Errorf("the page has a script in it or names another server:\n%s", page)
	}
}

func TestFilesOfThePageAreTheSamePackedOrNot(t *testing.T) {
	names := assetForm.FindAllStringSubmatch(text(t, get(t, "/console/", "")), -1)
	if len(names) == 0 {
		t.Fatal("the page has no files")
	}
	for _, m := range names {
		plain, packed := get(t, m[1], ""), get(t, m[1], "br, gzip")
		if packed.Header.Get("Content-Encoding") != "gzip" || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s comes as %q and %q", m[1], packed.Header.Get("Content-Encoding"), plain.Header.Get("Content-Encoding"))
		}
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil || string(b) != text(t, plain) {
			t.Errorf("%s differs (%v)", m[1], err)
		}
	}
	for _, path := range []string{"/console/assets/none.js", "/console/index.html.gz", "/console/../console.go", "/console/.gitignore"} {
		if r := get(t, path, "gzip"); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d", path, r.StatusCode)
		}
	}
}
