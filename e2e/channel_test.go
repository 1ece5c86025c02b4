package e2e

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// A channel is what CreateChannel answered, and the server it is on.
type channel struct {
	s        *running
	t        *testing.T
	arn      string
	key      string
	playback string
}

// channel creates one that RTMP is let into, unless change says otherwise.
func (s *running) channel(t *testing.T, change ...func(*ivs.CreateChannelInput)) channel {
	t.Helper()
	in := &ivs.CreateChannelInput{InsecureIngest: true}
	for _, f := range change {
		f(in)
	}
	out, err := s.ivs.CreateChannel(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return channel{s: s, t: t, arn: str(out.Channel.Arn), key: str(out.StreamKey.Value), playback: str(out.Channel.PlaybackUrl)}
}

// rtmp and rtmps are where an encoder publishes to the channel.
func (c channel) rtmp() string  { return c.s.At.RTMP + "/" + c.key }
func (c channel) rtmps() string { return c.s.At.RTMPS + "/" + c.key }

// live waits until the channel can be watched.
func (c channel) live() *types.Stream {
	c.t.Helper()
	var stream *types.Stream
	until(c.t, liveIn, "the stream has started", func() (bool, string) {
		out, err := c.s.ivs.GetStream(c.t.Context(), &ivs.GetStreamInput{ChannelArn: &c.arn})
		if err != nil {
			return false, err.Error()
		}
		stream = out.Stream
		return true, ""
	})
	return stream
}

// session asks GetStreamSession; an empty id asks for the newest.
func (c channel) session(id string) *types.StreamSession {
	c.t.Helper()
	in := &ivs.GetStreamSessionInput{ChannelArn: &c.arn}
	if id != "" {
		in.StreamId = &id
	}
	out, err := c.s.ivs.GetStreamSession(c.t.Context(), in)
	if err != nil {
		c.t.Fatal(err)
	}
	return out.StreamSession
}

// appears waits until the channel has a session, and returns the newest.
func (c channel) appears() *types.StreamSession {
	c.t.Helper()
	var session *types.StreamSession
	until(c.t, liveIn, "the channel has a session", func() (bool, string) {
		out, err := c.s.ivs.GetStreamSession(c.t.Context(), &ivs.GetStreamSessionInput{ChannelArn: &c.arn})
		if err != nil {
			return false, err.Error()
		}
		session = out.StreamSession
		return true, ""
	})
	return session
}

// over waits until a session has its end.
func (c channel) over(id string) *types.StreamSession {
	c.t.Helper()
	var session *types.StreamSession
	until(c.t, overIn, "the session is over", func() (bool, string) {
		session = c.session(id)
		return session.EndTime != nil, "no endTime"
	})
	return session
}

// sessions lists all of the channel's.
func (c channel) sessions() []types.StreamSessionSummary {
	c.t.Helper()
	var all []types.StreamSessionSummary
	pages := ivs.NewListStreamSessionsPaginator(c.s.ivs, &ivs.ListStreamSessionsInput{ChannelArn: &c.arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, page.StreamSessions...)
	}
	return all
}

// names are those of events, oldest first.
func names(s *types.StreamSession) []string {
	var out []string
	for i := range s.TruncatedEvents {
		out = append(out, str(s.TruncatedEvents[len(s.TruncatedEvents)-1-i].Name))
	}
	return out
}

// event returns the first event of a name.
func event(t *testing.T, s *types.StreamSession, name string) types.StreamEvent {
	t.Helper()
	for i := range s.TruncatedEvents {
		if e := s.TruncatedEvents[len(s.TruncatedEvents)-1-i]; str(e.Name) == name {
			return e
		}
	}
	t.Fatalf("no event %s among %v", name, names(s))
	return types.StreamEvent{}
}

// wantError fails the test unless err is the modelled error E.
func wantError[E error](t *testing.T, what string, err error) {
	t.Helper()
	if want, ok := errors.AsType[E](err); !ok {
		t.Errorf("%s: %v, want %T", what, err, want)
	}
}

// the order of a whole session's events.
var wholeStream = []string{"Session Created", "Stream Start", "Session Ended", "Stream End"}

func insecure(on bool) func(*ivs.CreateChannelInput) {
	return func(in *ivs.CreateChannelInput) { in.InsecureIngest = on }
}

func named(name string) func(*ivs.CreateChannelInput) {
	return func(in *ivs.CreateChannelInput) { in.Name = aws.String(name) }
}
