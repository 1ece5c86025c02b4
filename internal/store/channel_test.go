package store_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func channelClauses() []clause {
	return []clause{
		{"a channel reads back as it was created", channelReadsBack},
		{"a channel and its key are created together or not at all", channelCreatedWhole},
		{"channels are listed in order of creation, by filter, page by page", channelPages},
		{"an update is whole, knows whether the channel is live, and can be refused", channelUpdate},
		{"a deleted channel takes its keys along and leaves its sessions unasked", channelDelete},
	}
}

func channelReadsBack(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	c, k := create(t, db, fullChannel())
	other := plain(t, db)

	got, err := db.Channel(t.Context(), c.ARN)
	if err != nil || !reflect.DeepEqual(got, c) || got.SRTPassphrase != c.SRTPassphrase {
		t.Errorf("Channel = %+v, %v; want %+v", got, err, c)
	}
	if got, err := db.Publisher(t.Context(), k.Value); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("Publisher = %+v, %v; want %+v", got, err, c)
	}
	all, err := db.ChannelsByARN(t.Context(), []ivs.ARN{c.ARN, newChannelARN(), other.ARN, c.ARN})
	if err != nil || len(all) != 2 {
		t.Errorf("ChannelsByARN = %v, %v; want the two that exist, once each", all, err)
	}
	if none, err := db.ChannelsByARN(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("ChannelsByARN of none = %v, %v", none, err)
	}
	_, err = db.Channel(t.Context(), newChannelARN())
	wantCode(t, "a channel that is none", err, ivs.NotFound)
	_, err = db.Publisher(t.Context(), "sk_nobody")
	wantCode(t, "a key that is none", err, ivs.NotFound)
	if got, err := db.Channel(t.Context(), other.ARN); err != nil || got.Tags == nil {
		t.Errorf("tags of a channel without any: %v, %v; want an empty map", got.Tags, err)
	}
}

func channelCreatedWhole(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	_, k := create(t, db, fullChannel())
	second := prepare(t, db, fullChannel())
	k.ARN = ivs.NewARN("us-east-1", "123456789012", ivs.KindStreamKey)
	err := db.CreateChannel(t.Context(), second, k, many) // another key with the same value
	wantCode(t, "a stream key that exists", err, ivs.Conflict)
	_, err = db.Channel(t.Context(), second.ARN)
	wantCode(t, "the channel it came with", err, ivs.NotFound)
}

func channelPages(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	var want []ivs.ARN
	recording := ivs.NewARN("us-east-1", "123456789012", ivs.KindRecordingConfiguration)
	for i := range 7 {
		c := fullChannel()
		c.Name = []string{"even", "odd"}[i%2]
		c.Recording, c.Restriction, c.AdConfiguration = ivs.ARN{}, ivs.ARN{}, ivs.ARN{}
		if i == 3 {
			c.Recording, c.Restriction, c.AdConfiguration = recording, recording, recording
		}
		create(t, db, c)
		want = append(want, c.ARN)
	}
	odd, empty := "odd", ""
	tests := []struct {
		name   string
		filter ivs.ChannelFilter
		want   []ivs.ARN
	}{
		{"all", ivs.ChannelFilter{}, want},
		{"by name", ivs.ChannelFilter{Name: &odd}, []ivs.ARN{want[1], want[3], want[5]}},
		{"by a name nobody has", ivs.ChannelFilter{Name: &empty}, nil},
		{"by recording", ivs.ChannelFilter{Recording: recording.String()}, want[3:4]},
		{"by restriction", ivs.ChannelFilter{Restriction: recording.String()}, want[3:4]},
		{"by ads", ivs.ChannelFilter{AdConfiguration: recording.String()}, want[3:4]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int{1, 2, 3, 7, 100} {
				if got := listChannels(t, db, tt.filter, limit); !slices.Equal(got, tt.want) {
					t.Errorf("pages of %d: %v, want %v", limit, got, tt.want)
				}
			}
		})
	}
}

// listChannels reads all pages.
func listChannels(t *testing.T, db *store.DB, f ivs.ChannelFilter, limit int) []ivs.ARN {
	t.Helper()
	var out []ivs.ARN
	for after := int64(0); ; {
		page, err := db.Channels(t.Context(), f, after, limit)
		must(t, "Channels", err)
		if len(page.Items) > limit {
			t.Fatalf("a page of %d has %d items", limit, len(page.Items))
		}
		for _, c := range page.Items {
			if c.SRTPassphrase != "" {
				t.Errorf("the list has the passphrase of %s", c.ARN)
			}
			out = append(out, c.ARN)
		}
		if page.Next == 0 {
			return out
		}
		after = page.Next
	}
}

func channelUpdate(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, k := create(t, db, fullChannel())
	errNo := errors.New("no")
	_, err := db.UpdateChannel(t.Context(), c.ARN, func(c *ivs.Channel, live bool) error {
		c.Name = "never"
		return errNo
	})
	if !errors.Is(err, errNo) {
		t.Errorf("refused update: %v, want the refusal", err)
	}

	want := prepare(t, db, fullChannel())
	want.ARN, want.Name, want.Recording, want.Tags = c.ARN, "renamed", ivs.ARN{}, ivs.Tags{"new": "tag"}
	got, err := db.UpdateChannel(t.Context(), c.ARN, func(was *ivs.Channel, live bool) error {
		if live || !reflect.DeepEqual(*was, c) {
			t.Errorf("update of %+v, live %t; want %+v as it was, not live", *was, live, c)
		}
		*was = want
		return nil
	})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("UpdateChannel = %+v, %v; want %+v", got, err, want)
	}
	if got, err := db.Publisher(t.Context(), k.Value); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("afterwards %+v, %v; want %+v", got, err, want)
	}
	name := "renamed"
	if got := listChannels(t, db, ivs.ChannelFilter{Name: &name}, 10); len(got) != 1 {
		t.Errorf("the filter finds %v under the new name", got)
	}

	s := begin(t, db, want, noon())
	for _, live := range []bool{true, false} {
		_, err = db.UpdateChannel(t.Context(), c.ARN, func(_ *ivs.Channel, got bool) error {
			if got != live {
				t.Errorf("live is %t, want %t", got, live)
			}
			return errNo
		})
		if !errors.Is(err, errNo) {
			t.Error(err)
		}
		end(t, db, s, noon())
	}
	_, err = db.UpdateChannel(t.Context(), newChannelARN(), func(*ivs.Channel, bool) error { return nil })
	wantCode(t, "update of a channel that is none", err, ivs.NotFound)
}

func channelDelete(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, k := create(t, db, fullChannel())
	kept, keptKey := create(t, db, fullChannel())
	s := begin(t, db, c, noon())

	errLive := errors.New("live")
	allow := func(live bool) error {
		if live {
			return errLive
		}
		return nil
	}
	if err := db.DeleteChannel(t.Context(), c.ARN, allow); !errors.Is(err, errLive) {
		t.Errorf("delete while live: %v", err)
	}
	end(t, db, s, noon())
	must(t, "DeleteChannel", db.DeleteChannel(t.Context(), c.ARN, allow))

	_, err := db.Channel(t.Context(), c.ARN)
	wantCode(t, "the channel", err, ivs.NotFound)
	_, err = db.StreamKey(t.Context(), k.ARN)
	wantCode(t, "its key", err, ivs.NotFound)
	_, err = db.Publisher(t.Context(), k.Value)
	wantCode(t, "the way in", err, ivs.NotFound)
	_, err = db.Session(t.Context(), c.ARN, s.StreamID)
	wantCode(t, "its session", err, ivs.NotFound)
	wantCode(t, "a new session", db.OpenSession(t.Context(), newSession(c, noon()), change(s, ivs.SessionCreated, noon())), ivs.NotFound)
	wantCode(t, "a second delete", db.DeleteChannel(t.Context(), c.ARN, allow), ivs.NotFound)
	if evs, err := db.SessionEvents(t.Context(), s.StreamID, 10); err != nil || len(evs) != 3 {
		t.Errorf("its events: %v, %v; want all three to be kept", evs, err)
	}
	if got, err := db.Publisher(t.Context(), keptKey.Value); err != nil || got.ARN != kept.ARN {
		t.Errorf("another channel: %v, %v", got.ARN, err)
	}
}
