package control_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/control"
	"openivs/internal/ivs"
)

// backend is what the tests need of a store: what the operations ask, and what
// makes a session.
type backend interface {
	control.Store
	OpenSession(ctx context.Context, s ivs.Session, ev ivs.Event) error
	SaveSession(ctx context.Context, s ivs.Session, evs ...ivs.Event) error
	Revocation(ctx context.Context, channel ivs.ARN, viewer string) (ivs.Revocation, error)
	tables() tables
}

var _ backend = (*memory)(nil)

// sessions is the Live of the tests: publish and end move it along with the store.
type sessions struct {
	mu      sync.Mutex
	streams []ivs.Stream // the newest first
	stop    func(ivs.ARN) error
	put     func(ivs.ARN) error
	payload map[ivs.ARN][]string // what was put, by channel
}

func (l *sessions) PutMetadata(_ context.Context, channel ivs.ARN, payload ivs.Secret) error {
	if l.put != nil {
		return l.put(channel)
	}
	if _, ok := l.Stream(channel); !ok {
		return ivs.Errorf(ivs.NotLive, "nothing is live")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.payload == nil {
		l.payload = make(map[ivs.ARN][]string)
	}
	l.payload[channel] = append(l.payload[channel], string(payload))
	return nil
}

// PutAdBreak notes the break's id as what was put.
func (l *sessions) PutAdBreak(channel ivs.ARN, b ivs.AdBreak) error {
	return l.PutMetadata(context.Background(), channel, ivs.Secret(b.ID))
}

func (l *sessions) Stop(_ context.Context, channel ivs.ARN) error {
	if l.stop != nil {
		return l.stop(channel)
	}
	if _, ok := l.Stream(channel); !ok {
		return ivs.Errorf(ivs.NotLive, "nothing is live")
	}
	l.remove(channel)
	return nil
}

func (l *sessions) Stream(channel ivs.ARN) (ivs.Stream, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.streams {
		if s.Channel == channel {
			return s, true
		}
	}
	return ivs.Stream{}, false
}

func (l *sessions) Streams() []ivs.Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.streams)
}

func (l *sessions) add(s ivs.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams = slices.Insert(l.streams, 0, s)
}

func (l *sessions) remove(channel ivs.ARN) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams = slices.DeleteFunc(l.streams, func(s ivs.Stream) bool { return s.Channel == channel })
}

// Viewers is one for each character of the channel's id.
func (l *sessions) Viewers(channel ivs.ARN) int { return len(channel.ID) }

// A server is the whole API over a store, without sockets and signatures.
type server struct {
	store   backend
	live    *sessions
	plane   *control.Plane
	handler *restjson.Handler
}

func newServer(store backend) *server {
	s := &server{store: store, live: new(sessions)}
	tables := store.tables()
	s.plane = &control.Plane{
		Store:        store,
		Recordings:   tables.recordings,
		Restrictions: tables.restrictions,
		Ads:          tables.ads,
		KeyPairs:     tables.pairs,
		Destinations: &control.Destinations{Store: tables.recordings, Probe: probe, Patience: time.Millisecond},
		Live:         s.live,
		Audience:     s.live,
		Addresses: ivs.Addresses{
			Host: "ivs.example.com", Playback: "http://ivs.example.com:4500",
			Region: "us-west-2", Account: "123456789012",
		},
		Tokens: restjson.PageTokens{Key: []byte("a key of the tests")},
	}
	s.handler = &restjson.Handler{
		Operations: ivsapi.Operations(s.plane),
		Authenticate: func(*http.Request, []byte) (restjson.Identity, error) {
			return restjson.Identity{AccessKey: "AK", Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/operator"}, nil
		},
		Check: s.plane.Check,
		Fault: control.Fault,
	}
	return s
}

// probe knows buckets by their names.
func probe(_ context.Context, bucket string) error {
	switch {
	case strings.HasPrefix(bucket, "missing"):
		return fs.ErrNotExist
	case strings.HasPrefix(bucket, "foreign"):
		return fs.ErrPermission
	case strings.HasPrefix(bucket, "away"):
		return errors.New("connection refused")
	default:
		return nil
	}
}

// do sends a request and returns the answer.
func (s *server) do(method, target, body string) *http.Response {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(method, target, in))
	return w.Result()
}

// createChannel makes a channel through the API's own operation.
func (s *server) createChannel(tb testing.TB, in *ivsapi.CreateChannelInput) ivs.ARN {
	tb.Helper()
	out, err := s.plane.CreateChannel(tb.Context(), in)
	if err != nil {
		tb.Fatalf("CreateChannel: %v", err)
	}
	arn, err := ivs.ParseARN(*out.Channel.ARN)
	if err != nil {
		tb.Fatal(err)
	}
	return arn
}

// createRecording makes a recording configuration through the API's own operation.
func (s *server) createRecording(tb testing.TB, bucket string) ivs.ARN {
	tb.Helper()
	out, err := s.plane.CreateRecordingConfiguration(tb.Context(), &ivsapi.CreateRecordingConfigurationInput{
		DestinationConfiguration: ivsapi.DestinationConfiguration{S3: &ivsapi.S3DestinationConfiguration{BucketName: bucket}},
	})
	if err != nil {
		tb.Fatalf("CreateRecordingConfiguration: %v", err)
	}
	return parseARN(tb, out.RecordingConfiguration.ARN)
}

// attachAds gives a channel an ad configuration, whatever else it has.
func (s *server) attachAds(tb testing.TB, channel ivs.ARN) {
	tb.Helper()
	ads := ivs.AdConfiguration{ARN: ivs.NewARN("us-west-2", "123456789012", ivs.KindAdConfiguration)}
	if err := s.plane.Ads.Create(tb.Context(), ads, 1000); err != nil {
		tb.Fatal(err)
	}
	_, err := s.store.UpdateChannel(tb.Context(), channel, func(c *ivs.Channel, _ bool) error {
		c.AdConfiguration, c.Container, c.Multitrack.Enabled = ads.ARN, ivs.TS, false
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// ingest is what the encoder of the tests sends.
func ingest() *ivs.Ingest {
	return &ivs.Ingest{
		Video: []ivs.VideoIngest{{
			Codec: "avc1.42C02A", Profile: "Baseline", Level: "4.2", Encoder: "Lavf58.45.100",
			TargetBitrate: 8789062, TargetFramerate: 60, Width: 1920, Height: 1080, Track: "Track0",
		}},
		Audio: []ivs.AudioIngest{{Codec: "mp4a.40.2", TargetBitrate: 160000, SampleRate: 48000, Channels: 2, Track: "Track0"}},
	}
}

// open begins a session: the key is accepted, nothing can be watched yet.
func (s *server) open(tb testing.TB, channel ivs.ARN, at time.Time) ivs.Session {
	tb.Helper()
	c, err := s.store.Channel(tb.Context(), channel)
	if err != nil {
		tb.Fatalf("Channel(%s): %v", channel, err)
	}
	v := ivs.Session{
		StreamID: ivs.NewStreamID(), Channel: s.plane.Addresses.Snapshot(c),
		Protocol: "rtmps", Created: at, LastMedia: at,
	}
	if err := s.store.OpenSession(tb.Context(), v, ivs.NewEvent(v, ivs.StreamStateChange, ivs.SessionCreated, at)); err != nil {
		tb.Fatalf("OpenSession: %v", err)
	}
	return v
}

// start makes an open session one that can be watched.
func (s *server) start(tb testing.TB, v *ivs.Session, at time.Time) {
	tb.Helper()
	v.Started, v.LastMedia, v.Ingest = at, at, ingest()
	s.save(tb, *v, ivs.NewEvent(*v, ivs.StreamStateChange, ivs.StreamStart, at))
	s.live.add(ivs.Stream{
		Channel: v.Channel.Channel.ARN, StreamID: v.StreamID, PlaybackURL: v.Channel.PlaybackURL,
		Start: at, Health: ivs.Healthy,
	})
}

// end closes a session.
func (s *server) end(tb testing.TB, v *ivs.Session, at time.Time) {
	tb.Helper()
	v.IngestEnded, v.Ended = at, at
	evs := []ivs.Event{ivs.NewEvent(*v, ivs.StreamStateChange, ivs.SessionEnded, at)}
	if !v.Started.IsZero() {
		evs = append(evs, ivs.NewEvent(*v, ivs.StreamStateChange, ivs.StreamEnd, at))
	}
	s.save(tb, *v, evs...)
	s.live.remove(v.Channel.Channel.ARN)
}

func (s *server) save(tb testing.TB, v ivs.Session, evs ...ivs.Event) {
	tb.Helper()
	if err := s.store.SaveSession(tb.Context(), v, evs...); err != nil {
		tb.Fatalf("SaveSession: %v", err)
	}
}

// publicKey is one that can be imported.
const publicKey = `-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEJ+JP9KxUlYkr0oQvkLTi7d6DIDX0Uoyw
PcPAf1mHUicVzRoZSNTIZPZPsbwVk0HgFKzqHsYK2+T8TyFc4brM1KJmdUC+52l8
C/pq4SJzcYamwNS1o3ITgwFDCcFh+hyE
-----END PUBLIC KEY-----
`
