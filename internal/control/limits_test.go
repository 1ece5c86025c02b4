package control_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"openivs/internal/api/ivsapi"
	"openivs/internal/control"
	"openivs/internal/ivs"
)

// A resource has 50 tags: in one request, and in sum.
func TestTagLimit(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := newServer(b.open(t))
			arn := s.createChannel(t, &ivsapi.CreateChannelInput{Tags: many(0, 49)}).String()
			tag := func(tags map[string]string) error {
				_, err := s.plane.TagResource(t.Context(), &ivsapi.TagResourceInput{ResourceARN: arn, Tags: tags})
				return err
			}
			if err := tag(many(48, 50)); err != nil { // one is there, one is new
				t.Errorf("the 50th tag: %v", err)
			}
			if err := tag(many(50, 51)); control.Fault(err).Name != "ValidationException" {
				t.Errorf("the 51st tag: %v, want a ValidationException", err)
			}
			if err := tag(many(0, 50)); err != nil {
				t.Errorf("the same 50 again: %v", err)
			}
			out, err := s.plane.ListTagsForResource(t.Context(), &ivsapi.ListTagsForResourceInput{ResourceARN: arn})
			if err != nil || len(out.Tags) != 50 {
				t.Errorf("ListTagsForResource returned %d tags, %v, want 50", len(out.Tags), err)
			}
		})
	}
}

func many(from, to int) map[string]string {
	tags := make(map[string]string)
	for i := from; i < to; i++ {
		tags[fmt.Sprint("k", i)] = "v"
	}
	return tags
}

// Pages of channels have each channel once and in the order they were made,
// even as some are deleted and made on the way.
func TestListChannelsPages(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := newServer(b.open(t))
			var want, got []string
			for range 25 {
				want = append(want, s.createChannel(t, &ivsapi.CreateChannelInput{}).String())
			}
			var token *string
			for page := 0; page == 0 || token != nil; page++ {
				out, err := s.plane.ListChannels(t.Context(), &ivsapi.ListChannelsInput{MaxResults: new(10), NextToken: token})
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range out.Channels {
					got = append(got, *c.ARN)
				}
				token = out.NextToken
				if page == 0 {
					if _, err := s.plane.DeleteChannel(t.Context(), &ivsapi.DeleteChannelInput{ARN: want[20]}); err != nil {
						t.Fatal(err)
					}
					want = append(want, s.createChannel(t, &ivsapi.CreateChannelInput{}).String())
				}
			}
			want = slices.Delete(want, 20, 21)
			if !slices.Equal(got, want) {
				t.Errorf("the pages have %d channels %v, want %d %v", len(got), got, len(want), want)
			}
		})
	}
}

// An answer of a hundred names is a page of a hundred.
func TestDefaultPages(t *testing.T) {
	s := newServer(new(memory))
	for range 101 {
		s.createChannel(t, &ivsapi.CreateChannelInput{})
	}
	out, err := s.plane.ListChannels(t.Context(), &ivsapi.ListChannelsInput{})
	if err != nil || len(out.Channels) != 100 || out.NextToken == nil {
		t.Errorf("ListChannels returned %d channels, %v, want 100 and a token", len(out.Channels), err)
	}
}

// What is issued has the form that clients know.
func TestIssuedForms(t *testing.T) {
	s := newServer(new(memory))
	out, err := s.plane.CreateChannel(t.Context(), &ivsapi.CreateChannelInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, got, prefix, suffix string }{
		{"arn", *out.Channel.ARN, "arn:aws:ivs:us-west-2:123456789012:channel/", ""},
		{"playbackUrl", *out.Channel.PlaybackURL, "http://ivs.example.com:4500/api/video/v1/us-west-2.123456789012.channel.", ".m3u8"},
		{"stream key arn", *out.StreamKey.ARN, "arn:aws:ivs:us-west-2:123456789012:stream-key/", ""},
		{"stream key", string(*out.StreamKey.Value), "sk_us-west-2_", ""},
	} {
		if !strings.HasPrefix(c.got, c.prefix) || !strings.HasSuffix(c.got, c.suffix) {
			t.Errorf("%s is %q, want %q…%q", c.name, c.got, c.prefix, c.suffix)
		}
	}
	if n := len(*out.Channel.SRT.Passphrase); n != 69 {
		t.Errorf("the SRT passphrase has %d characters, want 69", n)
	}
}

// Whoever calls at the same time, all is consistent in the end.
func TestConcurrentCallers(t *testing.T) {
	for _, b := range withPostgres(t) {
		t.Run(b.name, func(t *testing.T) {
			t.Run("channels", func(t *testing.T) { channelCallers(t, newRemembering(b.open(t))) })
			t.Run("resources", func(t *testing.T) { resourceCallers(t, newRemembering(b.open(t))) })
			t.Run("own", func(t *testing.T) { ownCallers(t, newRemembering(b.open(t))) })
			for _, k := range kinds {
				t.Run(k.create, func(t *testing.T) { kindCallers(t, newRemembering(b.open(t)), k) })
			}
		})
	}
}

// channelCallers has sixteen callers make, change, tag, read and delete the same
// resources. Every answer is one the operation models.
func channelCallers(t *testing.T, s *server) {
	t.Helper()
	shared := make([]ivs.ARN, 3)
	for i := range shared {
		shared[i] = s.createChannel(t, &ivsapi.CreateChannelInput{Name: new("shared")})
	}
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() { s.caller(t, i, shared) })
	}
	callers.Wait()
	for _, arn := range shared {
		out, err := s.plane.ListStreamKeys(t.Context(), &ivsapi.ListStreamKeysInput{ChannelARN: arn.String(), MaxResults: new(50)})
		if err != nil || len(out.StreamKeys) > 1 {
			t.Errorf("ListStreamKeys(%s) has %d keys, %v, want one at most", arn, len(out.StreamKeys), err)
		}
		tags, err := s.plane.ListTagsForResource(t.Context(), &ivsapi.ListTagsForResourceInput{ResourceARN: arn.String()})
		if err != nil || len(tags.Tags) != 16 {
			t.Errorf("%s has tags %v, %v, want one of each of the 16 callers", arn, tags, err)
		}
	}
}

// caller does what caller number i does.
func (s *server) caller(t *testing.T, i int, shared []ivs.ARN) {
	t.Helper()
	call := func(path, body string, want ...int) {
		method := http.MethodPost
		if r := s.do(method, path, body); !slices.Contains(want, r.StatusCode) {
			t.Errorf("%s %s answered %d %s, want one of %v", path, body, r.StatusCode, r.Header.Get("X-Amzn-Errortype"), want)
		}
	}
	for round := range 5 {
		arn := shared[(i+round)%len(shared)].String()
		call("/tags/"+strings.ReplaceAll(arn, "/", "%2F"), fmt.Sprintf(`{"tags": {"caller%d": "%d"}}`, i, round), 200)
		call("/UpdateChannel", fmt.Sprintf(`{"arn": %q, "name": "caller%d"}`, arn, i), 200)
		call("/GetChannel", fmt.Sprintf(`{"arn": %q}`, arn), 200)
		call("/CreateStreamKey", fmt.Sprintf(`{"channelArn": %q}`, arn), 200, 402)
		out, err := s.plane.ListStreamKeys(t.Context(), &ivsapi.ListStreamKeysInput{ChannelARN: arn})
		if err != nil {
			t.Errorf("ListStreamKeys: %v", err)
			return
		}
		for _, k := range out.StreamKeys {
			call("/DeleteStreamKey", fmt.Sprintf(`{"arn": %q}`, *k.ARN), 204, 404)
		}
		call("/ListChannels", `{}`, 200)
		own := s.createChannel(t, &ivsapi.CreateChannelInput{}).String()
		call("/DeleteChannel", fmt.Sprintf(`{"arn": %q}`, own), 204)
		call("/GetChannel", fmt.Sprintf(`{"arn": %q}`, own), 404)
	}
}
