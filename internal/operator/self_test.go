package operator_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/api/restjson"
	"openivs/internal/operator"
)

func newSigned(r *http.Request, _ []byte) (restjson.Identity, error) {
	if r.Header.Get("Authorization") == "" {
		return restjson.Identity{}, restjson.Fault{Name: "MissingAuthenticationTokenException", Status: 403, Message: "sign it"}
	}
	return restjson.Identity{AccessKey: "AKIA"}, nil
}

func allowAll(context.Context, restjson.Identity, string, string) error { return nil }

// aServer is one that has little to do.
type aServer struct{ given []string }

func (aServer) About(context.Context) (operator.About, error) {
	return operator.About{Version: "1.2.3", Streams: operator.Used{Now: 1, Most: 5}}, nil
}

func (aServer) Findings(context.Context) ([]operator.Finding, error) {
	return []operator.Finding{{Grade: "warn", What: "disk", Found: "full", Cure: "make room"}}, nil
}

func (aServer) AccessKeys(context.Context) ([]operator.AccessKey, error) {
	return []operator.AccessKey{{ID: "AKIA", State: "enabled"}}, nil
}

func (aServer) Policies(context.Context, string) ([]string, error) {
	return []string{"IVSFullAccess"}, nil
}

func (s *aServer) TemporaryKey(_ context.Context, accessKey string, last time.Duration) (operator.Keys, error) {
	s.given = append(s.given, accessKey+" "+last.String())
	return operator.Keys{ID: "ASIA"}, nil
}

func (d *desk) self() *aServer {
	s := &aServer{}
	d.Self, d.Temporary = s, s
	return s
}

func TestTheServerTellsOfItself(t *testing.T) {
	d := newDesk(t)
	d.self()
	d.want(t, "GET", "server", "", 200, `"version":"1.2.3"`)
	d.want(t, "GET", "doctor", "", 200, `"cure":"make room"`)
	d.want(t, "GET", "access-keys", "", 200, `"accessKeyId":"AKIA"`)
	for path, action := range map[string]string{"server": "GetServer", "doctor": "GetDoctor", "access-keys": "ListAccessKeys"} {
		d.deny = []string{"openivs:" + action + " *"}
		d.want(t, "GET", path, "", 403, "Denied")
	}
}

func TestEverybodyMayKnowWhatTheyMayDo(t *testing.T) {
	d := newDesk(t)
	d.self()
	d.deny = []string{"ivs:DeleteChannel x", "openivs:GetCaller *", "openivs:CheckPermissions *"}
	d.want(t, "GET", "caller", "", 200, `"policies":["IVSFullAccess"]`)
	d.want(t, "POST", "permissions", `{"checks":[{"action":"ivs:GetChannel","resource":"x"},{"action":"ivs:DeleteChannel","resource":"x"}]}`, 200,
		`{"results":[{"action":"ivs:GetChannel","allowed":true,"resource":"x"},{"action":"ivs:DeleteChannel","allowed":false,"reason":"not ivs:DeleteChannel on x","resource":"x"}]}`)
	d.want(t, "POST", "permissions", `{"checks":[]}`, 400, "want 1 to 100")
	d.want(t, "POST", "permissions", `{"checks":[`+strings.Repeat(`{"action":"a"},`, 100)+`{"action":"a"}]}`, 400, "want 1 to 100")
}

// from sends a request from an address.
func (d *desk) from(t *testing.T, address, target, body string, signed bool) (int, string) {
	t.Helper()
	r := httptest.NewRequest("POST", "/openivs/v1/"+target, strings.NewReader(body))
	if address, ok := strings.CutPrefix(address, "proxy "); ok {
		r.Header.Set("X-Forwarded-For", "192.0.2.9")
		r.RemoteAddr = address
	} else {
		r.RemoteAddr = address
	}
	if signed {
		r.Header.Set("Authorization", "signed")
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// link makes a link and returns the body that uses it.
func (d *desk) link(t *testing.T) string {
	t.Helper()
	code, text := d.from(t, "127.0.0.1:1", "sign-in-links", "", true)
	_, rest, ok := strings.Cut(text, `"code":"`)
	if code != 200 || !ok {
		t.Fatalf("%d %s", code, text)
	}
	link, _, _ := strings.Cut(rest, `"`)
	return `{"code":"` + link + `"}`
}

func TestALinkSignsInOnceOnThisMachineWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{Handler: &operator.Handler{}}
		d.Authenticate, d.Authorize = newSigned, allowAll
		s := d.self()
		body := d.link(t)
		for _, elsewhere := range []string{"192.0.2.1:1", "proxy 127.0.0.1:1"} {
			if code, _ := d.from(t, elsewhere, "sign-in-links/use", body, false); code != 403 {
				t.Errorf("%s is answered %d", elsewhere, code)
			}
			if code, _ := d.from(t, elsewhere, "sign-in-links", "", true); code != 403 {
				t.Errorf("%s is given a link: %d", elsewhere, code)
			}
		}
		if code, text := d.from(t, "[::1]:1", "sign-in-links/use", body, false); code != 200 || !strings.Contains(text, "ASIA") || len(s.given) != 1 || s.given[0] != "AKIA 12h0m0s" {
			t.Errorf("%d %s %v", code, text, s.given)
		}
		if code, _ := d.from(t, "127.0.0.1:1", "sign-in-links/use", body, false); code != 403 {
			t.Errorf("a second time it is answered %d", code)
		}
		late := d.link(t)
		<-time.After(time.Minute)
		if code, _ := d.from(t, "127.0.0.1:1", "sign-in-links/use", late, false); code != 403 {
			t.Errorf("after a minute it is answered %d", code)
		}
		if code, _ := d.from(t, "127.0.0.1:1", "sign-in-links", "", false); code != 403 {
			t.Errorf("who signs nothing is given a link: %d", code)
		}
	})
}

func TestFewLinksWaitToBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{Handler: &operator.Handler{}}
		d.Authenticate, d.Authorize = newSigned, allowAll
		d.self()
		for range 16 {
			d.link(t)
		}
		if code, _ := d.from(t, "127.0.0.1:1", "sign-in-links", "", true); code != 503 {
			t.Errorf("one more is answered %d", code)
		}
		<-time.After(time.Minute)
		d.link(t)
	})
}
