package multitrack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/multitrack"
	"openivs/internal/rate"
)

// doors answers for one channel.
func doors(ch ivs.Channel, err error) *multitrack.Handler {
	return &multitrack.Handler{
		Keys: keys,
		Channel: func(_ context.Context, key ivs.Secret) (ivs.Channel, error) {
			if err == nil && key != plain {
				return ivs.Channel{}, ivs.Errorf(ivs.NotFound, "no such key")
			}
			return ch, err
		},
		Plain: "rtmp://host:1935/app", Secure: "rtmps://host:443/app", Name: "us-east-1: host",
		Asks: &rate.Buckets{Limit: rate.Limit{PerSecond: multitrack.AsksPerSecond, Burst: multitrack.AsksAtOnce}}, Log: slog.New(slog.DiscardHandler),
	}
}

func taking(most string) ivs.Channel {
	return ivs.Channel{Multitrack: ivs.Multitrack{Enabled: true, Policy: "ALLOW", MaximumResolution: most}, InsecureIngest: true}
}

// told is what a client reads of an answer.
type told struct {
	Meta   struct{ Config_id, Schema_version, Service string }
	Status *struct{ Result, Html_en_us string }
	Ingest []struct{ Protocol, Url_template, Authentication string } `json:"ingest_endpoints"`
	Video  []struct {
		Type          string
		Width, Height int
		Framerate     struct{ Numerator, Denominator int }
		Settings      map[string]any
	} `json:"encoder_configurations"`
	Audio struct {
		Live []struct {
			Codec    string
			Track_id int
			Channels int
		}
		VOD []any
	} `json:"audio_configurations"`
}

func ask(t *testing.T, h http.Handler, body string) (int, told) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, multitrack.ConfigurationPath, strings.NewReader(body)))
	var a told
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return w.Code, a
}

func sent(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestWhoTriesOutKeysIsHeldBack asks far more often than encoders do.
func TestWhoTriesOutKeysIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := doors(taking("HD"), nil)
		body := sent(t, "obs-30.json")
		for range multitrack.AsksAtOnce {
			if code, _ := ask(t, h, body); code != http.StatusOK {
				t.Fatalf("an encoder of many is answered %d", code)
			}
		}
		if code, _ := ask(t, h, body); code != http.StatusTooManyRequests {
			t.Errorf("one too many is answered %d", code)
		}
		w, elsewhere := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, multitrack.ConfigurationPath, strings.NewReader(body))
		elsewhere.RemoteAddr = "[2001:db8::7]:4711"
		if h.ServeHTTP(w, elsewhere); w.Code != http.StatusOK {
			t.Errorf("an encoder at another address is answered %d", w.Code)
		}
		<-time.After(time.Second)
		if code, _ := ask(t, h, body); code != http.StatusOK {
			t.Errorf("a second later an encoder is answered %d", code)
		}
	})
}

// TestEncodersAreToldHowToEncode sends what encoders in the field send.
func TestEncodersAreToldHowToEncode(t *testing.T) {
	for _, tc := range []struct {
		body, most, want string
	}{
		{"obs-30.json", "FULL_HD", "jim_nvenc 1920x1080@60:6000 1280x720@60:2700 852x480@30:900 640x360@30:400 284x160@30:200"},
		{"obs-30.json", "HD", "jim_nvenc 1280x720@60:2700 852x480@30:900 640x360@30:400 284x160@30:200"},
		{"obs-linux.json", "FULL_HD", "obs_x264 1280x720@30:1785 852x480@30:730 640x360@30:324"},
		{"obs-32.json", "HD", "h264_texture_amf 1280x720@50:2700 852x480@25:900 640x360@25:400 284x160@25:200"},
		{"hevc-phone.json", "SD", "jim_hevc_nvenc 480x852@30:630 360x640@30:280 160x284@30:140"},
	} {
		code, a := ask(t, doors(taking(tc.most), nil), sent(t, tc.body))
		if code != http.StatusOK || a.Status != nil || len(a.Video) == 0 || len(a.Ingest) != 2 {
			t.Fatalf("%s: %d %+v", tc.body, code, a)
		}
		got := a.Video[0].Type
		for _, v := range a.Video {
			got += fmt.Sprintf(" %dx%d@%d:%v", v.Width, v.Height, v.Framerate.Numerator, v.Settings["bitrate"])
			if v.Type != a.Video[0].Type || v.Framerate.Denominator != 1 || v.Settings["rate_control"] != "CBR" || v.Settings["keyint_sec"] != 2.0 {
				t.Errorf("%s: %+v", tc.body, v)
			}
		}
		if got != tc.want {
			t.Errorf("%s to a channel of %s: %s, want %s", tc.body, tc.most, got, tc.want)
		}
		if a.Meta.Service != "IVS" || a.Meta.Schema_version != "2024-06-04" || len(a.Meta.Config_id) != 36 {
			t.Errorf("%s: meta %+v", tc.body, a.Meta)
		}
		if e := a.Ingest[0]; e.Protocol != "RTMPS" || e.Url_template != "rtmps://host:443/app/{stream_key}" {
			t.Errorf("%s: goes to %+v", tc.body, e)
		}
		of, tracks, err := keys.Open(ivs.Secret(a.Ingest[1].Authentication), time.Now())
		if err != nil || of != plain || len(tracks) != len(a.Video) {
			t.Errorf("%s: the key is for %d tracks, error %v", tc.body, len(tracks), err)
		}
		if l := a.Audio.Live; len(l) != 1 || l[0].Codec != "aac" || l[0].Channels != 2 || a.Audio.VOD == nil {
			t.Errorf("%s: audio %+v", tc.body, a.Audio)
		}
	}
}

func TestEncodersAreToldWhyNot(t *testing.T) {
	obs := sent(t, "obs-30.json")
	other := func(old, new string) string {
		if !strings.Contains(obs, old) {
			t.Fatalf("%s is not in the request", old)
		}
		return strings.Replace(obs, old, new, 1)
	}
	single := taking("HD")
	single.Multitrack.Enabled = false
	for name, tc := range map[string]struct {
		ch   ivs.Channel
		err  error
		body string
		says string
	}{
		"one picture only":    {single, nil, obs, "one picture only"},
		"another key":         {taking("HD"), nil, other("sk_us-east-1_abcd", "sk_us-east-1_abce"), "no channel has this stream key"},
		"no key":              {taking("HD"), nil, other(`"authentication"`, `"author"`), "no channel has this stream key"},
		"59.94":               {taking("HD"), nil, other(`"denominator":1,"numerator":60`, `"denominator":1001,"numerator":60000`), "60000/1001"},
		"15 frames":           {taking("HD"), nil, other(`"numerator":60`, `"numerator":15`), "frame rate is 15/1"},
		"no size":             {taking("HD"), nil, other(`"width":1920`, `"width":null`), "how large"},
		"an impossible size":  {taking("HD"), nil, other(`"width":1920`, `"width":1e300`), "how large"},
		"AV1 only":            {taking("HD"), nil, other(`["h264","av1","h265"]`, `["av1"]`), "neither H.264 nor HEVC"},
		"nothing but a key":   {taking("HD"), nil, `{"authentication":"` + string(plain) + `"}`, "how large"},
		"everything null":     {taking("HD"), nil, `{"authentication":"` + string(plain) + `","client":null,"capabilities":null,"preferences":null}`, "how large"},
		"the database is off": {taking("HD"), errors.New("away"), obs, "try again"},
	} {
		code, a := ask(t, doors(tc.ch, tc.err), tc.body)
		if code != http.StatusOK || a.Status == nil || a.Status.Result != "error" || !strings.Contains(a.Status.Html_en_us, tc.says) || len(a.Ingest)+len(a.Video) > 0 {
			t.Errorf("%s: %d %+v", name, code, a)
		}
		if a.Status != nil && strings.Contains(a.Status.Html_en_us, "abcdEFGH") {
			t.Errorf("%s: the answer has the key", name)
		}
	}
}

func TestHostileRequestsAreTurnedAway(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		code int
	}{
		"no JSON":       {"hello", http.StatusBadRequest},
		"nothing":       {"", http.StatusBadRequest},
		"a list":        {"[1]", http.StatusBadRequest},
		"too large":     {`{"authentication":"` + strings.Repeat("x", 64<<10) + `"}`, http.StatusRequestEntityTooLarge},
		"deeply nested": {strings.Repeat(`{"a":`, 12_000), http.StatusBadRequest},
	} {
		if code, _ := ask(t, doors(taking("HD"), nil), tc.body); code != tc.code {
			t.Errorf("%s: %d, want %d", name, code, tc.code)
		}
	}
	for method, path := range map[string]string{http.MethodGet: multitrack.ConfigurationPath, http.MethodPost: multitrack.IngestPath} {
		w := httptest.NewRecorder()
		doors(taking("HD"), nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
	}
}

func TestAnEncryptedChannelIsGivenNoPlainEndpoint(t *testing.T) {
	ch := taking("HD")
	ch.InsecureIngest = false
	if _, a := ask(t, doors(ch, nil), sent(t, "obs-30.json")); len(a.Ingest) != 1 || a.Ingest[0].Protocol != "RTMPS" {
		t.Errorf("goes to %+v", a.Ingest)
	}
	h := doors(taking("HD"), nil)
	h.PlainFirst = true
	if _, a := ask(t, h, sent(t, "obs-30.json")); len(a.Ingest) != 2 || a.Ingest[0].Protocol != "RTMP" {
		t.Errorf("goes to %+v", a.Ingest)
	}
}

func TestFindIngestAnswersThisServer(t *testing.T) {
	w := httptest.NewRecorder()
	doors(taking("HD"), nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, multitrack.IngestPath, nil))
	want := `{"ingests":[{"_id":1,"availability":1,"default":true,"name":"us-east-1: host","priority":1,` +
		`"url_template":"rtmp://host:1935/app/{stream_key}","url_template_secure":"rtmps://host:443/app/{stream_key}"}]}`
	if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != want {
		t.Errorf("%d %s, want %s", w.Code, got, want)
	}
}

// FuzzClientConfiguration sends any body: it gets an answer that clients can read, and
// only tracks that the channel takes.
func FuzzClientConfiguration(f *testing.F) {
	for _, name := range []string{"obs-30.json", "obs-linux.json", "obs-32.json", "hevc-phone.json"} {
		f.Add([]byte(sent(f, name)))
	}
	f.Add([]byte(`{"authentication":"` + string(plain) + `","client":{"supported_codecs":["h265"]},"preferences":{"width":"1e9","height":-1,"framerate":{"numerator":3e1,"denominator":"1"}}}`))
	f.Add([]byte(`{"preferences":{"canvases":[null,{}]},"capabilities":{"gpu":[null]}}`))
	h := doors(taking("HD"), nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		code, a := ask(t, h, string(body))
		if code != http.StatusOK {
			return
		}
		if (a.Status == nil) != (len(a.Video) > 0) {
			t.Fatalf("%+v", a)
		}
		for _, v := range a.Video {
			if v.Width > 1280 || v.Height > 1280 || v.Width*v.Height > 1280*720 || min(v.Width, v.Height) < 64 {
				t.Fatalf("%+v", v)
			}
		}
	})
}
