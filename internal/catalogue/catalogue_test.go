package catalogue_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"openivs/internal/catalogue"
	"openivs/internal/ivs"
)

// A log is the events of recordings, the oldest first.
type log []ivs.Event

func (l log) RecordingsBegun(_ context.Context, channel string, before int64, limit int) (out []ivs.Event, _ error) {
	for _, ev := range slices.Backward(l) {
		begins := ev.Name == ivs.RecordingStart || ev.Name == ivs.RecordingStartFailure
		if begins && ev.Position < before && (channel == "" || ev.Channel.String() == channel) && len(out) < limit {
			out = append(out, ev)
		}
	}
	return out, nil
}

func (l log) RecordingEventsAfter(_ context.Context, channel string, position int64, limit int) (out []ivs.Event, _ error) {
	for _, ev := range l {
		if ev.Position > position && ev.Channel.String() == channel && len(out) < limit {
			out = append(out, ev)
		}
	}
	return out, nil
}

func channel(id string) ivs.ARN {
	return ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindChannel, ID: id}
}

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// tell appends an event of a recording, a minute after the one before.
func (l *log) tell(t *testing.T, ch, name, id string) {
	t.Helper()
	var s ivs.Session
	s.Channel.Channel.ARN, s.Channel.Channel.Name, s.StreamID = channel(ch), "of "+ch, "st-1"+id
	d := ivs.RecordingDetail{Bucket: "b", Prefix: "ivs/v1/" + id, ID: id, StreamIDs: []string{s.StreamID}}
	switch name {
	case ivs.RecordingStartFailure:
		d.Prefix, d.Reason = "", "no bucket"
	case ivs.RecordingEndFailure:
		d.Length, d.Reason = 1500, "bucket gone"
	case ivs.RecordingEnd:
		d.Length = 61_000
	}
	ev, err := ivs.NewRecordingEvent(s, name, d, epoch().Add(time.Duration(len(*l))*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	ev.Position = int64(len(*l)) + 1
	*l = append(*l, ev)
}

func TestRecordingsAreWhatTheirEventsTell(t *testing.T) {
	var l log
	l.tell(t, "one", ivs.RecordingStart, "r1")
	l.tell(t, "two", ivs.RecordingStart, "r2")
	l.tell(t, "one", ivs.RecordingStart, "r3") // before r1 is stored
	l.tell(t, "one", ivs.RecordingEnd, "r1")
	l.tell(t, "two", ivs.RecordingStartFailure, "r4")
	l.tell(t, "one", ivs.RecordingEndFailure, "r3")
	c := catalogue.Catalogue{Events: l}
	show := func(r catalogue.Recording) string {
		return fmt.Sprint(r.ID, " ", r.Channel.ID, " ", r.Prefix, " ", r.State, " ", r.Reason, " ", r.Length)
	}
	all := []string{
		"5 two  FAILED no bucket 0s",
		"3 one ivs/v1/r3 FAILED bucket gone 1.5s",
		"2 two ivs/v1/r2 RECORDING  0s",
		"1 one ivs/v1/r1 ENDED  1m1s",
	}
	for _, tt := range []struct {
		channel string
		want    []string
	}{{"", all}, {channel("one").String(), []string{all[1], all[3]}}, {channel("none").String(), nil}} {
		for limit := 1; limit <= 5; limit++ {
			var got []string
			for before := int64(0); ; {
				page, err := c.List(t.Context(), tt.channel, before, limit)
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Items) > limit {
					t.Errorf("a page of %d has %d", limit, len(page.Items))
				}
				for _, r := range page.Items {
					got = append(got, show(r))
				}
				if before = page.Next; before == 0 {
					break
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("of %q, %d at a time: %q, want %q", tt.channel, limit, got, tt.want)
			}
		}
	}
	r, err := c.Get(t.Context(), 1)
	if err != nil || show(r) != all[3] || !r.Started.Equal(epoch()) || !r.Ended.Equal(epoch().Add(3*time.Minute)) || r.ChannelName != "of one" || r.Bucket != "b" {
		t.Errorf("Get(1) = %+v, %v", r, err)
	}
	for _, id := range []int64{0, -1, 4, 7, 1<<63 - 1} {
		if r, err := c.Get(t.Context(), id); ivs.CodeOf(err) != ivs.NotFound {
			t.Errorf("Get(%d) = %+v, %v", id, r, err)
		}
	}
}

func TestTheEndOfARecordingMayBeFarAway(t *testing.T) {
	var l log
	l.tell(t, "one", ivs.RecordingStart, "long")
	for i := range 300 {
		l.tell(t, "one", ivs.RecordingStart, fmt.Sprint("short", i))
		l.tell(t, "one", ivs.RecordingEnd, fmt.Sprint("short", i))
	}
	l.tell(t, "one", ivs.RecordingEnd, "long")
	if r, err := (catalogue.Catalogue{Events: l}).Get(t.Context(), 1); err != nil || r.State != catalogue.Ended || r.Prefix != "ivs/v1/long" {
		t.Errorf("Get(1) = %+v, %v", r, err)
	}
}
