package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/google/uuid"
)

// ask gets a URL with headers, name and value in turn.
func ask(t *testing.T, address string, header ...string) (status int, h http.Header, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// private makes a private channel with a stream.
func (s *running) private(t *testing.T, p picture) (channel, *encoder) {
	t.Helper()
	ch := s.channel(t, func(in *ivs.CreateChannelInput) { in.Authorized = true })
	enc := stream(t, encode(t, p, voice), ch.rtmp())
	ch.live()
	return ch, enc
}

var little = picture{width: 320, height: 180, fps: 30, profile: "high", kbps: 200}

// good is what a plain token for the channel says.
func (c channel) good() claims {
	return claims{"aws:channel-arn": c.arn, "exp": time.Now().Add(5 * time.Minute).Unix()}
}

func (c channel) with(token string) string { return c.playback + "?token=" + url.QueryEscape(token) }

// wantRefusal looks whether an answer is a refusal as Amazon IVS writes it, which
// a page of any site may read.
func wantRefusal(t *testing.T, what string, status int, h http.Header, body string, wantStatus int, wantCode string) {
	t.Helper()
	var list []map[string]string
	err := json.Unmarshal([]byte(body), &list)
	if err != nil || len(list) != 1 || status != wantStatus || list[0]["error_code"] != wantCode || list[0]["error"] == "" ||
		h.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		t.Errorf("%s: %d %s, want %d %s with CORS", what, status, body, wantStatus, wantCode)
	}
}

// TestTokensOpenPrivateChannels has tokens made by jose, PyJWT and openssl, with
// every claim as it should be and as it should not.
func TestTokensOpenPrivateChannels(t *testing.T) {
	t.Parallel()
	s := serve(t)
	first, key := s.pair(t), s.pair(t)
	ch, _ := s.private(t, little)
	node := newLibrary(t, "node", "sdk/tokens.mjs")
	python := newLibrary(t, "/usr/bin/python3", "sdk/tokens.py")
	now := time.Now()
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	const bad, site, foreign = "invalid_playback_auth_token", "https://a.example.com", "https://a.example.org"
	const origins, strict, viewer, version = "aws:access-control-allow-origin", "aws:strict-origin-enforcement", "aws:viewer-id", "aws:viewer-session-version"
	for _, tc := range []struct {
		name   string
		claims claims
		origin string
		status int
		code   string
	}{
		{"plain", nil, "", 200, ""},
		{"a claim that nobody knows", claims{"sub": "x", "x": claims{"y": []int{1}}}, "", 200, ""},
		{"exp in milliseconds", claims{"exp": now.UnixMilli()}, "", 200, ""},
		{"exp with a fraction", claims{"exp": float64(in(time.Minute)) + 0.5}, "", 200, ""},
		{"expired", claims{"exp": in(-time.Second)}, "", 403, bad},
		{"expired long ago", claims{"exp": 1}, "", 403, bad},
		{"exp is text", claims{"exp": fmt.Sprint(in(time.Minute))}, "", 403, bad},
		{"no exp", claims{"exp": nil}, "", 403, bad},
		{"not yet", claims{"nbf": in(5 * time.Minute)}, "", 403, bad},
		{"made by a clock that is ahead", claims{"iat": in(20 * time.Second), "nbf": in(20 * time.Second)}, "", 200, ""},
		{"another channel", claims{"aws:channel-arn": ch.arn + "x"}, "", 403, bad},
		{"no channel", claims{"aws:channel-arn": nil}, "", 403, bad},
		{"the channel is a list", claims{"aws:channel-arn": []string{ch.arn}}, "", 403, bad},

		{"an allowed origin", claims{origins: site}, site, 200, ""},
		{"one of several origins", claims{origins: "https://x.example, " + site}, site, 200, ""},
		{"an origin by wildcard", claims{origins: "https://*.example.com"}, site, 200, ""},
		{"any origin", claims{origins: "*"}, foreign, 200, ""},
		{"a foreign origin", claims{origins: site}, foreign, 403, "origin_not_allowed"},
		{"a foreign origin for a wildcard", claims{origins: "https://*.example.com"}, "https://example.com", 403, "origin_not_allowed"},
		{"no browser", claims{origins: site}, "", 200, ""},
		{"strict, an allowed origin", claims{origins: site, strict: true}, site, 200, ""},
		{"strict, no browser", claims{origins: site, strict: true}, "", 403, "origin_not_allowed"},
		{"strict, a foreign origin", claims{origins: site, strict: true}, foreign, 403, "origin_not_allowed"},
		{"strict is text", claims{origins: site, strict: "true"}, site, 403, bad},
		{"strict with six origins", claims{origins: strings.Repeat(site+",", 6), strict: true}, site, 403, bad},
		{"six origins", claims{origins: strings.Repeat(site+",", 6)}, site, 200, ""},
		{"origins are a list", claims{origins: []string{site}}, site, 403, bad},

		{"for one use", claims{"aws:single-use-uuid": "UUID"}, "", 200, ""},
		{"for one use, for too long", claims{"aws:single-use-uuid": "UUID", "exp": in(time.Hour)}, "", 403, bad},
		{"for one use, in milliseconds", claims{"aws:single-use-uuid": "UUID", "exp": now.UnixMilli()}, "", 403, bad},
		{"for one use, no UUID", claims{"aws:single-use-uuid": "once"}, "", 403, bad},
		{"for one use, empty", claims{"aws:single-use-uuid": ""}, "", 403, bad},

		{"of a viewer", claims{viewer: "ada"}, "", 200, ""},
		{"of a viewer, ten minutes, the clock ahead", claims{viewer: "ada", "exp": in(10*time.Minute + 20*time.Second)}, "", 200, ""},
		{"of a viewer, for too long", claims{viewer: "ada", "exp": in(11 * time.Minute)}, "", 403, bad},
		{"of a viewer with a version", claims{viewer: "ada", version: 7}, "", 200, ""},
		{"of a viewer with a version in text", claims{viewer: "ada", version: "7"}, "", 200, ""},
		{"the version is a word", claims{viewer: "ada", version: "seven"}, "", 403, bad},
		{"the version is negative", claims{viewer: "ada", version: -1}, "", 403, bad},
		{"a viewer of 40 characters", claims{viewer: strings.Repeat("é", 40)}, "", 200, ""},
		{"a viewer of 41 characters", claims{viewer: strings.Repeat("a", 41)}, "", 403, bad},
		{"the viewer is a number", claims{viewer: 7}, "", 403, bad},

		{"SD", claims{"aws:maximum-resolution": "SD"}, "", 200, ""},
		{"an unknown resolution", claims{"aws:maximum-resolution": "UHD"}, "", 403, bad},
		{"about ads", claims{"aws:ads-opt-out": true, "aws:ads-player-params": claims{"a": "b"}, "aws:ads-playback-config-name": "c", "aws:ads-reporting-mode": "CLIENT"}, "", 200, ""},
		{"parameters of ads too long", claims{"aws:ads-player-params": claims{"a": strings.Repeat("b", 1000)}}, "", 403, bad},
		{"an unknown reporting mode", claims{"aws:ads-reporting-mode": "NONE"}, "", 403, bad},
	} {
		for by, maker := range map[string]maker{"jose": node, "PyJWT": python} {
			c := ch.good().with(tc.claims)
			if c["aws:single-use-uuid"] == "UUID" {
				c["aws:single-use-uuid"] = uuid.NewString()
			}
			var header []string
			if tc.origin != "" {
				header = []string{"Origin", tc.origin}
			}
			status, h, body := ask(t, ch.with(maker.token(t, key, es384, c)), header...)
			what := tc.name + " by " + by
			if tc.status != 200 {
				wantRefusal(t, what, status, h, body, tc.status, tc.code)
				continue
			}
			if status != 200 || !strings.HasPrefix(body, "#EXTM3U") {
				t.Errorf("%s: %d %s", what, status, body)
			}
			if tc.claims[origins] != nil && tc.claims[origins] != "*" && tc.origin != "" &&
				(h.Get("Access-Control-Allow-Origin") != tc.origin || !strings.Contains(strings.Join(h["Vary"], ","), "Origin")) {
				t.Errorf("%s: CORS %q, Vary %q", what, h.Get("Access-Control-Allow-Origin"), h["Vary"])
			}
		}
	}

	token := openssl{}.token(t, first, map[string]any{"alg": "ES384", "typ": "JWT", "kid": "of no meaning"}, ch.good())
	escaped := url.QueryEscape(token)
	for _, query := range []string{
		"?token=" + token, "?a=b&token=" + token + "&player_version=1.56.1", "?a=b?token=" + token, "?token=%20" + escaped + "%0A",
		"%20?token=" + token, "?allow_audio_only=true&%20token=" + token, "?token=&token=" + token, "??token=" + token, "?token=" + token + "?pbac=true",
	} {
		if status, _, body := ask(t, ch.playback+query); status != 200 {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
	status, h, body := ask(t, ch.playback)
	wantRefusal(t, "no token", status, h, body, 403, bad)
	if !strings.Contains(body, "token contains an invalid number of segments") {
		t.Errorf("no token: %s", body)
	}
	for name, token := range hostile(t, key, token, ch.good()) {
		status, h, body := ask(t, ch.with(token))
		wantRefusal(t, name, status, h, body, 403, bad)
	}
	mine, err := exec.CommandContext(t.Context(), built.command, "token", "--key", key.file, "--channel", ch.arn, "--single-use", "--viewer-id", "ada", "--origin", site, "--strict").Output()
	if err != nil {
		t.Fatal(err)
	}
	if status, _, body := ask(t, ch.with(strings.TrimSpace(string(mine))), "Origin", site); status != 200 {
		t.Errorf("a token of openivs token: %d %s", status, body)
	}

	variant := firstURI(t, ch.playback, body200(t, ch.with(token)))
	if _, err := s.ivs.DeletePlaybackKeyPair(t.Context(), &ivs.DeletePlaybackKeyPairInput{Arn: &first.arn}); err != nil {
		t.Fatal(err)
	}
	status, h, body = ask(t, ch.with(token))
	wantRefusal(t, "a token of a deleted key", status, h, body, 403, bad)
	if status, _, body := ask(t, variant); status != 200 {
		t.Errorf("a session of a deleted key: %d %s", status, body)
	}
}

func body200(t *testing.T, address string, header ...string) string {
	t.Helper()
	status, _, body := ask(t, address, header...)
	if status != 200 {
		t.Fatalf("%s: %d %s", address, status, body)
	}
	return body
}

// TestATokenForOneUseIsUsedOnce has 200 viewers use it at the same moment, and
// one more after a power cut.
func TestATokenForOneUseIsUsedOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	key := s.pair(t)
	ch, enc := s.private(t, little)
	once := openssl{}.token(t, key, es384, ch.good().with(claims{"aws:single-use-uuid": uuid.NewString()}))
	var in, out atomic.Int64
	var variant atomic.Value
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			status, _, body := ask(t, ch.with(once))
			switch {
			case status == 200:
				in.Add(1)
				variant.Store(body)
			case status == 403 && strings.Contains(body, `"error_code":"playback_auth_error"`):
				out.Add(1)
			default:
				t.Errorf("%d %s", status, body)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 || out.Load() != 199 {
		t.Fatalf("%d were let in and %d refused, of 200", in.Load(), out.Load())
	}
	mine := firstURI(t, ch.playback, variant.Load().(string))
	for range 3 {
		body200(t, mine)
	}
	s.kill()
	enc.left(overIn)
	s.args = append(s.args, "--listen", strings.TrimPrefix(s.At.Playback, "http://"))
	s.start()
	stream(t, encode(t, little, voice), ch.rtmp())
	ch.live()
	status, h, body := ask(t, ch.with(once))
	wantRefusal(t, "after a restart", status, h, body, 403, "playback_auth_error")
	body200(t, mine)
}

// TestARevokedViewerIsShutOut revokes one by one and in a batch, while viewers play.
// On the server that was asked, a revocation is in force once it is answered: the
// next playlist is refused, however busy the machine is.
func TestARevokedViewerIsShutOut(t *testing.T) {
	t.Parallel()
	s := serve(t)
	key := s.pair(t)
	ch, enc := s.private(t, little)
	enter := func(viewer string, version int) (int, string) {
		status, _, body := ask(t, ch.with(openssl{}.token(t, key, es384, ch.good().with(claims{"aws:viewer-id": viewer, "aws:viewer-session-version": version}))))
		if status != 200 {
			return status, body
		}
		return status, firstURI(t, ch.playback, body)
	}
	_, old := enter("ada", 3)
	_, newer := enter("ada", 4)
	_, other := enter("bob", 0)
	_, stays := enter("cy", 0)
	ctx, leave := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer leave()
	over := map[string]chan int{}
	for _, address := range []string{old, newer, other, stays} {
		over[address] = make(chan int, 1)
		watching.Go(func() { over[address] <- watch(ctx, address) })
	}
	gone := func(address string) {
		t.Helper()
		if status, _, body := ask(t, address); status != 403 || body != "Forbidden" {
			t.Errorf("the next playlist after the revocation was answered: %d %s", status, body)
		}
		if status := <-over[address]; status != 403 {
			t.Errorf("a viewer who was playing is answered %d at last", status)
		}
	}
	version := int32(3)
	if _, err := s.ivs.StartViewerSessionRevocation(t.Context(), &ivs.StartViewerSessionRevocationInput{ChannelArn: &ch.arn, ViewerId: new("ada"), ViewerSessionVersionsLessThanOrEqualTo: version}); err != nil {
		t.Fatal(err)
	}
	gone(old)
	body200(t, newer)
	body200(t, other)
	for version, want := range map[int]int{0: 403, 3: 403, 4: 200} {
		if status, body := enter("ada", version); status != want {
			t.Errorf("ada comes again with version %d: %d %s, want %d", version, status, body, want)
		}
	}
	req := `{"viewerSessions":[{"channelArn":"` + ch.arn + `","viewerId":"ada","viewerSessionVersionsLessThanOrEqualTo":9},{"channelArn":"` + ch.arn + `","viewerId":"bob"}]}`
	var batch ivs.BatchStartViewerSessionRevocationInput
	if err := json.Unmarshal([]byte(req), &batch); err != nil {
		t.Fatal(err)
	}
	if out, err := s.ivs.BatchStartViewerSessionRevocation(t.Context(), &batch); err != nil || len(out.Errors) > 0 {
		t.Fatal(out, err)
	}
	gone(newer)
	gone(other)
	body200(t, stays)
	leave()
	if status := <-over[stays]; status != 0 {
		t.Errorf("who was not revoked is answered %d", status)
	}
	s.kill()
	enc.left(overIn)
	s.args = append(s.args, "--listen", strings.TrimPrefix(s.At.Playback, "http://"))
	s.start()
	stream(t, encode(t, little, voice), ch.rtmp())
	ch.live()
	for _, address := range []string{old, newer, other} {
		if status, _, body := ask(t, address); status != 403 {
			t.Errorf("after a restart: %d %s", status, body)
		}
	}
	body200(t, stays)
	if status, _ := enter("bob", 1); status != 200 {
		t.Errorf("bob comes again with a higher version: %d", status)
	}
}

// watch plays like a viewer who asks for playlists, segments aside, until one is not
// 200, and returns what it is; 0 if ctx ends before.
func watch(ctx context.Context, address string) int {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return -1
		}
		res, err := http.DefaultClient.Do(req)
		if ctx.Err() != nil {
			return 0
		}
		if err != nil {
			return -1
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusOK || err != nil && ctx.Err() == nil {
			return res.StatusCode
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return 0
		}
	}
}

// TestMediaOfPrivateChannelsCannotBeGuessed reads the addresses of segments and
// tries others.
func TestMediaOfPrivateChannelsCannotBeGuessed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	key := s.pair(t)
	ch, _ := s.private(t, little)
	const site, foreign = "https://a.example.com", "https://evil.example"
	enter := func(c claims, header ...string) (variant, media string) {
		variant = firstURI(t, ch.playback, body200(t, ch.with(openssl{}.token(t, key, es384, ch.good().with(c))), header...))
		return variant, firstURI(t, variant, body200(t, variant, header...))
	}
	_, one := enter(nil)
	body200(t, one)
	name := regexp.MustCompile(`(\d+)\.([A-Za-z0-9_-]{16})\.ts$`)
	if !name.MatchString(one) {
		t.Fatalf("%s has no seal", one)
	}
	for what, guess := range map[string]string{
		"no seal":          name.ReplaceAllString(one, "$1.ts"),
		"another's seal":   name.ReplaceAllString(one, "1$1.$2.ts"),
		"a changed seal":   name.ReplaceAllString(one, "$1.AAAAAAAAAAAAAAAA.ts"),
		"seal of a part":   name.ReplaceAllString(one, "part-$1.$2.ts"),
		"behind no gate":   strings.Replace(one, "/segment/", "/gated/AAAAAAAAAAAAAAAAAAAAAAAA/", 1),
		"another stream's": strings.Replace(one, "/source/", "/160p/", 1),
	} {
		if status, h, body := ask(t, guess); status != 403 && status != 404 || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	_, two := enter(claims{"aws:viewer-id": "ada"})
	if path := func(u string) string { return u[:strings.LastIndexByte(u, '/')] }; path(one) != path(two) {
		t.Errorf("viewers read different addresses of media, which no cache can share: %s and %s", one, two)
	}
	if _, h, _ := ask(t, two); h.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("media may be kept %q", h.Get("Cache-Control"))
	}

	variant, gated := enter(claims{"aws:access-control-allow-origin": "https://*.example.com", "aws:strict-origin-enforcement": true}, "Origin", site)
	for _, address := range []string{variant, gated} {
		status, h, _ := ask(t, address, "Origin", site)
		if status != 200 || h.Get("Access-Control-Allow-Origin") != site || !strings.Contains(strings.Join(h["Vary"], ","), "Origin") {
			t.Errorf("strict, from its site: %d, CORS %q, Vary %q", status, h.Get("Access-Control-Allow-Origin"), h["Vary"])
		}
		for _, header := range [][]string{nil, {"Origin", foreign}, {"Referer", site + "/"}} {
			if status, h, body := ask(t, address, header...); status != 403 || body != "origin required" || h.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("strict, %q: %d %s", header, status, body)
			}
		}
	}
	for _, resolution := range []string{"SD", "HD", "FULL_HD"} {
		enter(claims{"aws:maximum-resolution": resolution})
	}
}

// TestALargePictureIsKeptFromWhoMayNotSeeIt has a stream of 720 lines.
func TestALargePictureIsKeptFromWhoMayNotSeeIt(t *testing.T) {
	t.Parallel()
	s := serve(t)
	key := s.pair(t)
	ch, _ := s.private(t, picture{width: 1280, height: 720, fps: 30, profile: "high", kbps: 800})
	for resolution, want := range map[string]int{"SD": 404, "HD": 200, "FULL_HD": 200} {
		status, _, body := ask(t, ch.with(openssl{}.token(t, key, es384, ch.good().with(claims{"aws:maximum-resolution": resolution}))))
		if status != want {
			t.Errorf("%s: %d %s, want %d", resolution, status, body, want)
		}
	}
}

// TestHLSJSPlaysFromAllowedOriginsOnly has pages of one site play with tokens for
// it and for another, strict and not.
func TestHLSJSPlaysFromAllowedOriginsOnly(t *testing.T) {
	t.Parallel()
	s := serve(t)
	key := s.pair(t)
	ch, _ := s.private(t, little)
	b := chromium(t)
	a, err := b.ask(map[string]any{"do": "origin"})
	if err != nil || a.Origin == "" {
		t.Fatal(a, err)
	}
	for _, tc := range []struct {
		name, origin string
		strict       bool
		plays        bool
	}{
		{"allowed", a.Origin, false, true},
		{"allowed, strict", a.Origin, true, true},
		{"foreign", "https://elsewhere.example", false, false},
		{"foreign, strict", "https://elsewhere.example", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token := openssl{}.token(t, key, es384, ch.good().with(claims{"aws:access-control-allow-origin": tc.origin, "aws:strict-origin-enforcement": tc.strict}))
			if tc.plays {
				p := b.open(t, "hls", ch.with(token), nil)
				p.until(liveIn, goal{seconds: 5})
				if seen := p.seen(); len(seen.Errors) > 0 || len(seen.Failed) > 0 {
					t.Errorf("%v", seen)
				}
				return
			}
			p := tab{t: t, b: b, name: tc.name}
			if _, err := b.ask(map[string]any{"do": "open", "tab": p.name, "player": "hls", "url": ch.with(token), "refused": true}); err != nil {
				t.Fatal(err)
			}
			until(t, liveIn, "the player is told 403", func() (bool, string) {
				seen := p.seen()
				return strings.Contains(strings.Join(seen.Errors, " "), "403") && seen.Frames == 0, seen.String()
			})
		})
	}
}

// TestTheRecipesSignGoodTokens runs the programs of the documentation as they
// are printed there.
func TestTheRecipesSignGoodTokens(t *testing.T) {
	t.Parallel()
	s := serve(t)
	text, err := os.ReadFile("../docs/operate/private-channels.md")
	if err != nil {
		t.Fatal(err)
	}
	key := s.pair(t)
	ch, _ := s.private(t, little)
	modules, err := filepath.Abs("sdk/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	run := map[string][]string{"go": {"go", "run", "playback.go"}, "js": {"node", "playback.mjs"}, "python": {"/usr/bin/python3", "playback.py"}, "sh": {"bash", "-eu", "playback.sh"}}
	blocks := regexp.MustCompile("(?ms)^```(go|js|python|sh)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	for _, block := range blocks {
		command, ok := run[block[1]]
		if !ok {
			t.Fatalf("the page has a second recipe in %s", block[1])
		}
		delete(run, block[1])
		dir := t.TempDir()
		pemText, err := os.ReadFile(key.file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "private.pem"), pemText, 0o600)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, command[len(command)-1]), []byte(block[2]), 0o600)
		}
		if err == nil {
			err = os.Symlink(modules, filepath.Join(dir, "node_modules"))
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), commandFor)
		defer cancel()
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CHANNEL_ARN="+ch.arn, "PATH="+filepath.Dir(built.command)+":"+os.Getenv("PATH"))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", block[1], err)
			continue
		}
		body200(t, ch.with(strings.TrimSpace(string(out))))
	}
	if len(run) > 0 {
		t.Errorf("the page has no recipe for %v", run)
	}
}
