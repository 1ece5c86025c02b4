package control_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// broken is a store whose every answer is an error.
type broken struct {
	backend
	err error
}

func (b broken) CreateChannel(context.Context, ivs.Channel, ivs.StreamKey, int) error { return b.err }

func (b broken) Channel(context.Context, ivs.ARN) (ivs.Channel, error) { return ivs.Channel{}, b.err }

func (b broken) ChannelsByARN(context.Context, []ivs.ARN) ([]ivs.Channel, error) { return nil, b.err }

func (b broken) Channels(context.Context, ivs.ChannelFilter, int64, int) (ivs.Page[ivs.Channel], error) {
	return ivs.Page[ivs.Channel]{}, b.err
}

func (b broken) UpdateChannel(context.Context, ivs.ARN, func(*ivs.Channel, bool) error) (ivs.Channel, error) {
	return ivs.Channel{}, b.err
}

func (b broken) DeleteChannel(context.Context, ivs.ARN, func(bool) error) error { return b.err }

func (b broken) CreateStreamKey(context.Context, ivs.StreamKey, int) error { return b.err }

func (b broken) StreamKey(context.Context, ivs.ARN) (ivs.StreamKey, error) {
	return ivs.StreamKey{}, b.err
}

func (b broken) StreamKeysByARN(context.Context, []ivs.ARN) ([]ivs.StreamKey, error) {
	return nil, b.err
}

func (b broken) DeleteStreamKey(context.Context, ivs.ARN) error { return b.err }

func (b broken) Tags(context.Context, ivs.ARN) (ivs.Tags, error) { return nil, b.err }

func (b broken) UpdateTags(context.Context, ivs.ARN, func(ivs.Tags) error) error { return b.err }

// halfBroken finds channels and sessions, and fails after that.
type halfBroken struct{ broken }

func (b halfBroken) Channel(ctx context.Context, arn ivs.ARN) (ivs.Channel, error) {
	return b.backend.Channel(ctx, arn)
}

func (b halfBroken) StreamKeys(context.Context, ivs.ARN, int64, int) (ivs.Page[ivs.StreamKey], error) {
	return ivs.Page[ivs.StreamKey]{}, b.err
}

func (b halfBroken) SessionEvents(context.Context, string, int) ([]ivs.Event, error) {
	return nil, b.err
}

func (b halfBroken) Sessions(context.Context, ivs.ARN, int64, int) (ivs.Page[ivs.SessionSummary], error) {
	return ivs.Page[ivs.SessionSummary]{}, b.err
}

// noSession finds channels and no sessions.
type noSession struct{ halfBroken }

func (b noSession) Session(context.Context, ivs.ARN, string) (ivs.Session, error) {
	return ivs.Session{}, b.err
}

func (b broken) Revoke(context.Context, ivs.Revocation) error { return b.err }

func (b broken) InsertAdBreak(context.Context, ivs.AdBreak, ivs.Event) error { return b.err }

// A brokenTable is a table whose every answer is an error.
type brokenTable[T any] struct{ err error }

func (b brokenTable[T]) Create(context.Context, T, int) error { return b.err }

func (b brokenTable[T]) Get(context.Context, ivs.ARN) (v T, err error) { return v, b.err }

func (b brokenTable[T]) List(context.Context, int64, int) (p ivs.Page[T], err error) { return p, b.err }

func (b brokenTable[T]) Update(context.Context, ivs.ARN, func(*T) error) (v T, err error) {
	return v, b.err
}

func (b brokenTable[T]) Delete(context.Context, ivs.ARN, func(bool) error) error { return b.err }

// other is the request about a resource of a kind.
func other(kind string) string {
	return `{"arn": "arn:aws:ivs:us-west-2:123456789012:` + kind + `/abcdABCDefgh"}`
}

// Whatever the store and the sessions say, an operation answers an exception
// that it models or one that is common to all, and shows nothing of ours.
func TestOnlyModelledErrors(t *testing.T) {
	const tags = "/tags/arn%3Aaws%3Aivs%3Aus-west-2%3A123456789012%3Achannel%2FabcdABCDefgh"
	byARN, byChannel := `{"arn": "`+fixedChannel+`"}`, `{"channelArn": "`+fixedChannel+`"}`
	key := `"arn:aws:ivs:us-west-2:123456789012:stream-key/abcdABCDefgh"`
	requests := map[string][2]string{ // target and body; the method is the operation's
		"CreateChannel":       {"/CreateChannel", `{}`},
		"GetChannel":          {"/GetChannel", byARN},
		"ListChannels":        {"/ListChannels", `{}`},
		"UpdateChannel":       {"/UpdateChannel", byARN},
		"DeleteChannel":       {"/DeleteChannel", byARN},
		"BatchGetChannel":     {"/BatchGetChannel", `{"arns": ["` + fixedChannel + `"]}`},
		"CreateStreamKey":     {"/CreateStreamKey", byChannel},
		"GetStreamKey":        {"/GetStreamKey", `{"arn": ` + key + `}`},
		"ListStreamKeys":      {"/ListStreamKeys", byChannel},
		"DeleteStreamKey":     {"/DeleteStreamKey", `{"arn": ` + key + `}`},
		"BatchGetStreamKey":   {"/BatchGetStreamKey", `{"arns": [` + key + `]}`},
		"GetStream":           {"/GetStream", byChannel},
		"ListStreams":         {"/ListStreams", `{}`},
		"StopStream":          {"/StopStream", byChannel},
		"GetStreamSession":    {"/GetStreamSession", byChannel},
		"ListStreamSessions":  {"/ListStreamSessions", byChannel},
		"TagResource":         {tags, `{"tags": {}}`},
		"UntagResource":       {tags + "?tagKeys=a", ""},
		"ListTagsForResource": {tags, ""},

		"CreateRecordingConfiguration": {"/CreateRecordingConfiguration", `{"destinationConfiguration": {"s3": {"bucketName": "bucket"}}}`},
		"GetRecordingConfiguration":    {"/GetRecordingConfiguration", other("recording-configuration")},
		"ListRecordingConfigurations":  {"/ListRecordingConfigurations", `{}`},
		"DeleteRecordingConfiguration": {"/DeleteRecordingConfiguration", other("recording-configuration")},

		"ImportPlaybackKeyPair": {"/ImportPlaybackKeyPair", `{"publicKeyMaterial": "` + strings.ReplaceAll(publicKey, "\n", `\n`) + `"}`},
		"GetPlaybackKeyPair":    {"/GetPlaybackKeyPair", other("playback-key")},
		"ListPlaybackKeyPairs":  {"/ListPlaybackKeyPairs", `{}`},
		"DeletePlaybackKeyPair": {"/DeletePlaybackKeyPair", other("playback-key")},

		"CreatePlaybackRestrictionPolicy": {"/CreatePlaybackRestrictionPolicy", `{}`},
		"GetPlaybackRestrictionPolicy":    {"/GetPlaybackRestrictionPolicy", other("playback-restriction-policy")},
		"ListPlaybackRestrictionPolicies": {"/ListPlaybackRestrictionPolicies", `{}`},
		"UpdatePlaybackRestrictionPolicy": {"/UpdatePlaybackRestrictionPolicy", other("playback-restriction-policy")},
		"DeletePlaybackRestrictionPolicy": {"/DeletePlaybackRestrictionPolicy", other("playback-restriction-policy")},

		"CreateAdConfiguration": {"/CreateAdConfiguration", `{"mediaTailorPlaybackConfigurations": [{"playbackConfigurationArn": "arn:aws:mediatailor:us-west-2:1:playbackConfiguration/a"}]}`},
		"GetAdConfiguration":    {"/GetAdConfiguration", other("ad-configuration")},
		"ListAdConfigurations":  {"/ListAdConfigurations", `{}`},
		"UpdateAdConfiguration": {"/UpdateAdConfiguration", other("ad-configuration")},
		"DeleteAdConfiguration": {"/DeleteAdConfiguration", other("ad-configuration")},
		"InsertAdBreak":         {"/InsertAdBreak", `{"channelArn": "` + fixedChannel + `", "durationSeconds": 1}`},

		"PutMetadata":                       {"/PutMetadata", `{"channelArn": "` + fixedChannel + `", "metadata": "x"}`},
		"StartViewerSessionRevocation":      {"/StartViewerSessionRevocation", `{"channelArn": "` + fixedChannel + `", "viewerId": "v"}`},
		"BatchStartViewerSessionRevocation": {"/BatchStartViewerSessionRevocation", `{"viewerSessions": [{"channelArn": "` + fixedChannel + `", "viewerId": "v"}]}`},
	}
	common := []string{"AccessDeniedException", "InternalFailure", "ServiceUnavailable", "ThrottlingException", "ValidationException"}

	s, v := fixed(t, new(memory))
	s.live.add(ivs.Stream{Channel: parseARN(t, fixedChannel), StreamID: v.StreamID})
	s.attachAds(t, parseARN(t, fixedChannel))
	whole := s.store
	ops := ivsapi.Operations(s.plane)
	if len(requests) != len(ops) {
		t.Fatalf("this test knows %d of the %d operations", len(requests), len(ops))
	}
	codes := []ivs.Code{
		ivs.Internal, ivs.Invalid, ivs.NotFound, ivs.Conflict, ivs.QuotaExceeded,
		ivs.NotLive, ivs.Denied, ivs.Throttled, ivs.Unavailable, "unheard of",
	}
	for _, code := range codes {
		err := ivs.Errorf(code, "row 17 of channels")
		if code == ivs.Internal {
			err = errors.New("row 17 of channels")
		}
		b := broken{whole, err}
		s.live.stop = func(ivs.ARN) error { return err }
		s.live.put = func(ivs.ARN) error { return err }
		s.plane.Recordings = brokenTable[ivs.RecordingConfiguration]{err}
		s.plane.Restrictions = brokenTable[ivs.RestrictionPolicy]{err}
		s.plane.Ads = brokenTable[ivs.AdConfiguration]{err}
		s.plane.KeyPairs = brokenTable[ivs.PlaybackKeyPair]{err}
		for _, st := range []backend{b, halfBroken{b}, noSession{halfBroken{b}}} {
			s.plane.Store = st
			for _, op := range ops {
				with := requests[op.Name]
				r := s.do(op.Method, with[0], with[1])
				body, _ := io.ReadAll(r.Body)
				if r.StatusCode < http.StatusBadRequest {
					continue // not every operation meets every error
				}
				name := r.Header.Get("X-Amzn-Errortype")
				if !op.Models(name) && !slices.Contains(common, name) {
					t.Errorf("%s with a store that says %q: answered %s, which it does not model", op.Name, code, name)
				}
				if strings.Contains(string(body), "row 17") {
					t.Errorf("%s with a store that says %q: shows its error: %s", op.Name, code, body)
				}
			}
		}
	}
	for _, op := range ops {
		s.plane.Store, s.live.stop = whole, nil
		with := requests[op.Name]
		r := s.do(op.Method, with[0], with[1])
		if name := r.Header.Get("X-Amzn-Errortype"); name == "UnknownOperationException" || name == "ValidationException" {
			t.Errorf("%s: the request of this test was answered %s", op.Name, name)
		}
	}
}
