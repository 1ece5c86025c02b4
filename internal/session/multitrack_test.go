package session_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// toldTracks are what keys that begin with "told " say.
func toldTracks() []ivs.GrantedTrack {
	return []ivs.GrantedTrack{
		{Width: 1280, Height: 720, Framerate: 30, Bitrate: 2_000_000, Codec: "h264"},
		{Width: 640, Height: 360, Framerate: 30, Bitrate: 400_000, Codec: "hevc"},
	}
}

// multi opens a registry for a channel that takes several pictures, and knows keys
// that say so.
func multi(t *testing.T, m ivs.Multitrack) (*house, ivs.Channel) {
	t.Helper()
	ch := testChannel("")
	ch.Multitrack = m
	h := open(t, newDisk(ch))
	h.Granted = func(key ivs.Secret) (ivs.Secret, []ivs.GrantedTrack, error) {
		if plain, ok := strings.CutPrefix(string(key), "told "); ok {
			return ivs.Secret(plain), toldTracks(), nil
		}
		if plain, ok := strings.CutPrefix(string(key), "spoilt "); ok {
			return ivs.Secret(plain), nil, errors.New("it is spoilt")
		}
		return key, nil, nil
	}
	return h, ch
}

func asks(ch ivs.Channel, before string) ingest.Request {
	q := request(ch)
	q.Key = ivs.Secret(before) + q.Key
	return q
}

// smallTrack is the second picture of an encoder that was told.
func smallTrack() *media.Track {
	return &media.Track{
		ID: 1, Kind: media.Video, Codec: media.HEVC,
		Picture: media.Picture{Profile: 1, Level: 93, Width: 640, Height: 360, Framerate: 30},
	}
}

var takesAny, takesSeveral = ivs.Multitrack{Enabled: true, Policy: "ALLOW"}, ivs.Multitrack{Enabled: true, Policy: "REQUIRE"}

// TestKeysThatAreNoGood are told with a session that ends as soon as it begins.
func TestKeysThatAreNoGood(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    ivs.Multitrack
		key  string
		srt  bool
		want string
	}{
		{"spoilt", takesAny, "spoilt ", false, ivs.MultitrackKeyInvalid},
		{"of a channel that takes one picture", ivs.Multitrack{}, "told ", false, ivs.MultitrackNotAllowed},
		{"SRT where several are required", takesSeveral, "", true, ivs.MultitrackRequired},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, ch := multi(t, tc.m)
			q := asks(ch, tc.key)
			if tc.srt {
				q.Protocol = "srt"
			}
			if _, err := h.Admit(t.Context(), q); ivs.CodeOf(err) != ivs.Denied {
				t.Errorf("%s: Admit: %v", tc.name, err)
			}
			synctest.Wait()
			all := h.disk.all()
			if len(all) != 1 {
				t.Fatalf("%s: %d sessions", tc.name, len(all))
			}
			evs := h.disk.log(all[0].StreamID)
			equal(t, tc.name, h.disk.history(all[0].StreamID), []string{ivs.SessionCreated, ivs.SessionEnded})
			if got := evs[len(evs)-1].Code; got != tc.want || !all[0].HasError || all[0].Ended.IsZero() {
				t.Errorf("%s: code %q, want %q", tc.name, got, tc.want)
			}
			if pub, err := h.Admit(t.Context(), request(ch)); err != nil {
				t.Errorf("%s: the channel is not free again: %v", tc.name, err)
			} else {
				pub.End(nil)
			}
		})
	}
}

// TestMediaThatWasNotAgreedEndsTheSession sends what keys do not say.
func TestMediaThatWasNotAgreedEndsTheSession(t *testing.T) {
	for _, tc := range []struct {
		name   string
		m      ivs.Multitrack
		key    string
		tracks []*media.Track
		want   string
	}{
		{"several of a plain key", takesAny, "", []*media.Track{videoTrack(), smallTrack()}, ivs.MultitrackKeyRequired},
		{"several, one is taken", ivs.Multitrack{}, "", []*media.Track{videoTrack(), smallTrack()}, ivs.MultitrackNotAllowed},
		{"one, several are required", takesSeveral, "", []*media.Track{videoTrack()}, ivs.MultitrackRequired},
		{"one of two", takesAny, "told ", []*media.Track{videoTrack()}, ivs.MultitrackTrackCount},
		{"another codec", takesAny, "told ", []*media.Track{videoTrack(), {ID: 1, Kind: media.Video, Codec: media.H264, Picture: smallTrack().Picture}}, ivs.MultitrackMediaProperties},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, ch := multi(t, tc.m)
			pub, err := h.Admit(t.Context(), asks(ch, tc.key))
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			id := h.disk.all()[0].StreamID
			e := &encoder{pub: pub, video: tc.tracks[0], audio: audioTrack()}
			pub.SetTracks(append(tc.tracks, e.audio))
			if err := e.send(5 * time.Second); err == nil {
				t.Errorf("%s: it was taken", tc.name)
			}
			if cause := e.obey(); ivs.CodeOf(cause) != ivs.Invalid {
				t.Errorf("%s: ended with %v", tc.name, cause)
			}
			synctest.Wait()
			evs := h.disk.log(id)
			if got := evs[len(evs)-1]; got.Name != ivs.SessionEnded && got.Name != ivs.StreamEnd {
				t.Errorf("%s: the last event is %s", tc.name, got.Name)
			}
			i := slices.IndexFunc(evs, func(ev ivs.Event) bool { return ev.Name == ivs.SessionEnded })
			if i < 0 || evs[i].Code != tc.want || !h.disk.session(id).HasError {
				t.Errorf("%s: events %+v, want the code %s", tc.name, evs, tc.want)
			}
		})
	}
}

func TestAllTracksAreDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ch := multi(t, takesSeveral)
		pub, err := h.Admit(t.Context(), asks(ch, "told "))
		if err != nil {
			t.Fatal(err)
		}
		s := h.disk.all()[0]
		if !pub.Takes(media.HEVC) || !pub.Takes(media.H264) {
			t.Error("what the encoder was told to send is not taken")
		}
		e := &encoder{pub: pub, video: videoTrack(), audio: audioTrack()}
		e.headers()
		pub.SetTracks([]*media.Track{e.video, smallTrack(), e.audio})
		if err := e.send(time.Second); err != nil {
			t.Fatal(err)
		}
		pub.End(nil)
		synctest.Wait()
		in := h.disk.session(s.StreamID).Ingest
		if in == nil || len(in.Video) != 2 || len(in.Audio) != 1 {
			t.Fatalf("described as %+v", in)
		}
		if v := in.Video[0]; v.Track != "Track0" || v.TargetBitrate != 2_500_000 || v.Profile != "High" || v.Level != "3.1" {
			t.Errorf("the first track is described as %+v", v)
		}
		if v := in.Video[1]; v.Track != "Track1" || v.TargetBitrate != 400_000 || v.TargetFramerate != 30 || v.Profile != "Main" || v.Level != "3.1" || v.Width != 640 {
			t.Errorf("the second track is described as %+v", v)
		}
	})
}

// TestOnlyTheSameTracksTakeOver has encoders with other keys try.
func TestOnlyTheSameTracksTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ch := multi(t, takesAny)
		pub, err := h.Admit(t.Context(), asks(ch, "told "))
		if err != nil {
			t.Fatal(err)
		}
		id := h.disk.all()[0].StreamID
		later := func(key string) error {
			q := asks(ch, key)
			q.Query = url.Values{"priority": {"5"}}
			rival, err := h.Admit(t.Context(), q)
			if err == nil {
				rival.End(nil)
			}
			return err
		}
		if err := later("told "); err != nil {
			t.Errorf("the same tracks: %v", err)
		}
		if err := later(""); ivs.CodeOf(err) != ivs.Invalid {
			t.Errorf("one picture: %v", err)
		}
		if err := later("spoilt "); ivs.CodeOf(err) != ivs.Denied {
			t.Errorf("a spoilt key: %v", err)
		}
		pub.End(nil)
		synctest.Wait()
		var codes []string
		for _, ev := range h.disk.log(id) {
			if ev.Code != "" {
				codes = append(codes, ev.Code)
			}
		}
		equal(t, "codes", codes, []string{ivs.TakeoverMediaMismatch})
	})
}
