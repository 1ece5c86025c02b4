package control_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/control"
	"openivs/internal/ivs"
)

// Pages of streams have each stream once, whatever comes and goes between
// them, and even if all began at the same moment.
func TestListStreamsPages(t *testing.T) {
	s := newServer(new(memory))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var want []string
	add := func(start time.Time) string {
		v := ivs.Stream{
			Channel:  ivs.NewARN("us-west-2", "123456789012", ivs.KindChannel),
			StreamID: ivs.NewStreamID(), Start: start, Health: ivs.Healthy,
		}
		s.live.add(v)
		return v.StreamID
	}
	for range 40 {
		want = append(want, add(at))
	}
	var got []string
	var token *string
	for page := 0; page == 0 || token != nil; page++ {
		out, err := s.plane.ListStreams(t.Context(), &ivsapi.ListStreamsInput{NextToken: token, MaxResults: new(7)})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range out.Streams {
			got = append(got, *v.StreamID)
		}
		token = out.NextToken
		add(at.Add(time.Duration(page+1) * time.Second)) // newer: belongs before the first page
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the pages have %d streams, want the %d that were there at the first", len(got), len(want))
	}
}

// The error of Live.Stop tells a channel that is offline from a passing
// trouble and from a defect of ours.
func TestStopStreamErrors(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"not live", ivs.Errorf(ivs.NotLive, "no"), "ChannelNotBroadcasting"},
		{"unavailable", fmt.Errorf("stop: %w", ivs.Errorf(ivs.Unavailable, "stopping")), "StreamUnavailable"},
		{"ours", errors.New("nil map"), "InternalServerException"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(new(memory))
			s.live.stop = func(ivs.ARN) error { return c.err }
			arn := s.createChannel(t, &ivsapi.CreateChannelInput{})
			_, err := s.plane.StopStream(t.Context(), &ivsapi.StopStreamInput{ChannelARN: arn.String()})
			if got := control.Fault(err); got.Name != c.want {
				t.Errorf("StopStream is refused with %v, want %s", got, c.want)
			}
			if !errors.Is(err, c.err) && c.want != "ChannelNotBroadcasting" {
				t.Errorf("the error %v hides its cause", err)
			}
		})
	}
}

func TestFault(t *testing.T) {
	cases := []struct {
		err  error
		want restjson.Fault
	}{
		{ivs.Errorf(ivs.Invalid, "x is wrong"), restjson.Fault{Name: "ValidationException", Status: 400, Message: "x is wrong"}},
		{ivs.Errorf(ivs.Denied, "no"), restjson.Fault{Name: "AccessDeniedException", Status: 403, Message: "no"}},
		{ivs.Errorf(ivs.Throttled, "slow"), restjson.Fault{Name: "ThrottlingException", Status: 429, Message: "slow"}},
		{ivs.Errorf(ivs.NotFound, "gone"), restjson.Fault{Name: "ResourceNotFoundException", Status: 404, Message: "ResourceNotFoundException: gone"}},
		{ivs.Errorf(ivs.NotLive, "off"), restjson.Fault{Name: "ChannelNotBroadcasting", Status: 404, Message: "ChannelNotBroadcasting: off"}},
		{ivs.Errorf(ivs.Conflict, "live"), restjson.Fault{Name: "ConflictException", Status: 409, Message: "ConflictException: live"}},
		{ivs.Errorf(ivs.QuotaExceeded, "full"), restjson.Fault{Name: "ServiceQuotaExceededException", Status: 402, Message: "ServiceQuotaExceededException: full"}},
		{ivs.Errorf(ivs.Unavailable, "10.0.0.1 is away"), restjson.Fault{Name: "ServiceUnavailable", Status: 503, Message: "The service is temporarily unavailable."}},
		{ivs.Errorf(ivs.Internal, "nil map"), restjson.Fault{Name: "InternalServerException", Status: 500, Message: "internal error"}},
		{ivs.Errorf("another", "?"), restjson.Fault{Name: "InternalServerException", Status: 500, Message: "internal error"}},
		{errors.New("nil map"), restjson.Fault{Name: "InternalServerException", Status: 500, Message: "internal error"}},
		{fmt.Errorf("while doing: %w", ivs.Errorf(ivs.Invalid, "x is wrong")), restjson.Fault{Name: "ValidationException", Status: 400, Message: "x is wrong"}},
		{restjson.Invalid("as it is"), restjson.Fault{Name: "ValidationException", Status: 400, Message: "as it is"}},
	}
	for _, c := range cases {
		if got := control.Fault(c.err); got != c.want {
			t.Errorf("Fault(%v) is %+v, want %+v", c.err, got, c.want)
		}
	}
}
