package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	fixedChannel = "arn:aws:ivs:us-west-2:123456789012:channel/abcdABCDefgh"
	fixedStream  = "st-1FQzeLONMT9XTKI43leLSo1"
)

// fixed makes a server with one channel whose every member differs from the
// default, and a session of it that has just been let in.
func fixed(tb testing.TB, store backend) (*server, ivs.Session) {
	tb.Helper()
	s := newServer(store)
	arn := parseARN(tb, fixedChannel)
	c := ivs.Channel{
		ARN: arn, Name: "studio-1", Latency: ivs.LatencyNormal, Type: ivs.Standard, Container: ivs.FragmentedMP4,
		Authorized: true, InsecureIngest: true,
		Multitrack:    ivs.Multitrack{Enabled: true, Policy: "REQUIRE", MaximumResolution: "HD"},
		Tags:          ivs.Tags{"team": "red"},
		SRTPassphrase: "must-not-show",
	}
	if err := store.CreateChannel(tb.Context(), c, ivs.NewStreamKey(arn, ivs.Tags{}), 1); err != nil {
		tb.Fatal(err)
	}
	at := parseTime(tb, "2026-01-02T03:04:05.999999Z")
	v := ivs.Session{StreamID: fixedStream, Channel: s.plane.Addresses.Snapshot(c), Protocol: "rtmps", Created: at, LastMedia: at}
	if err := store.OpenSession(tb.Context(), v, ivs.NewEvent(v, ivs.StreamStateChange, ivs.SessionCreated, at)); err != nil {
		tb.Fatal(err)
	}
	return s, v
}

// getSession asks for a session of the channel over the wire; an empty id for
// the newest.
func (s *server) getSession(tb testing.TB, id string) []byte {
	tb.Helper()
	body := fmt.Sprintf(`{"channelArn": %q, "streamId": %q}`, fixedChannel, id)
	if id == "" {
		body = fmt.Sprintf(`{"channelArn": %q}`, fixedChannel)
	}
	r := s.do(http.MethodPost, "/GetStreamSession", body)
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		tb.Fatal(err)
	}
	if r.StatusCode != http.StatusOK {
		tb.Fatalf("GetStreamSession %s answered %d %s", body, r.StatusCode, answer)
	}
	return answer
}

// What GetStreamSession answers, byte for byte but for white space.
func TestGetStreamSessionGoldens(t *testing.T) {
	event := func(v ivs.Session, typ ivs.EventType, name, code string, after time.Duration) ivs.Event {
		e := ivs.NewEvent(v, typ, name, v.Created.Add(after))
		e.Code = code
		return e
	}
	cases := []struct {
		name string
		do   func(t *testing.T, s *server, v ivs.Session)
	}{
		{"connected", func(*testing.T, *server, ivs.Session) {}},
		{"live", func(t *testing.T, s *server, v ivs.Session) {
			t.Helper()
			s.start(t, &v, v.Created.Add(6*time.Second))
		}},
		{"ended", func(t *testing.T, s *server, v ivs.Session) {
			t.Helper()
			v.Recording = json.RawMessage(`{"arn":"arn:aws:ivs:us-west-2:123456789012:recording-configuration/ABcdef34ghIJ","name":"r",
				"destinationConfiguration":{"s3":{"bucketName":"demo"}},"state":"ACTIVE","tags":{"k":"v"},
				"thumbnailConfiguration":{"recordingMode":"INTERVAL","targetIntervalSeconds":1,"resolution":"LOWEST_RESOLUTION","storage":["LATEST"]},
				"recordingReconnectWindowSeconds":60,"renditionConfiguration":{"renditionSelection":"CUSTOM","renditions":["HD"]}}`)
			s.start(t, &v, v.Created.Add(6*time.Second))
			s.save(t, v,
				event(v, ivs.StreamHealthChange, ivs.StarvationStart, "", 20*time.Second),
				event(v, ivs.StreamHealthChange, ivs.StarvationEnd, "", 25*time.Second))
			s.end(t, &v, v.Created.Add(time.Minute))
		}},
		{"refused", func(t *testing.T, s *server, v ivs.Session) {
			t.Helper()
			at := v.Created.Add(time.Second)
			v.IngestEnded, v.Ended, v.HasError = at, at, true
			s.save(t, v, event(v, ivs.StreamStateChange, ivs.SessionEnded, "MultitrackInputRequired", time.Second))
		}},
		{"multitrack", func(t *testing.T, s *server, v ivs.Session) {
			t.Helper()
			s.start(t, &v, v.Created.Add(6*time.Second))
			second, third := v.Ingest.Video[0], v.Ingest.Video[0]
			second.Codec, second.Profile, second.Level, second.Width, second.Height, second.Track = "avc1.64001F", "High", "3.1", 1280, 720, "Track1"
			third.TargetFramerate, third.TargetBitrate, third.Track = 30, 1, "Track2"
			v.Ingest.Video = append(v.Ingest.Video, second, third)
			audio := v.Ingest.Audio[0]
			audio.Channels, audio.SampleRate, audio.Track = 1, 44100, "Track1"
			v.Ingest.Audio = append(v.Ingest.Audio, audio)
			s.save(t, v)
		}},
		{"audio", func(t *testing.T, s *server, v ivs.Session) {
			t.Helper()
			v.Ingest = ingest()
			v.Ingest.Video = nil
			s.save(t, v)
		}},
	}
	for _, c := range cases {
		for _, b := range backends {
			t.Run(c.name+"/"+b.name, func(t *testing.T) {
				s, v := fixed(t, b.open(t))
				c.do(t, s, v)
				var got bytes.Buffer
				if err := json.Indent(&got, s.getSession(t, fixedStream), "", "  "); err != nil {
					t.Fatal(err)
				}
				got.WriteByte('\n')
				golden(t, "getstreamsession-"+c.name, got.Bytes())
			})
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("answered\n%s\nwant (%s)\n%s", got, file, want)
	}
}

// GetStream and GetStreamSession give one start, and no fraction of a second.
func TestStartTimesAgree(t *testing.T) {
	s, v := fixed(t, new(memory))
	s.start(t, &v, v.Created.Add(6*time.Second))
	var stream, session struct {
		Stream        struct{ StartTime string }
		StreamSession struct{ StartTime string }
	}
	r := s.do(http.MethodPost, "/GetStream", `{"channelArn": "`+fixedChannel+`"}`)
	if err := json.NewDecoder(r.Body).Decode(&stream); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(s.getSession(t, ""), &session); err != nil {
		t.Fatal(err)
	}
	if got, want := stream.Stream.StartTime, "2026-01-02T03:04:11Z"; got != want || session.StreamSession.StartTime != want {
		t.Errorf("GetStream says %q, GetStreamSession %q, want %q", got, session.StreamSession.StartTime, want)
	}
}

// Of more than 500 events the newest 500 are answered, the newest first, and
// an error among the rest still counts.
func TestEventsAreTruncated(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s, v := fixed(t, b.open(t))
			at := v.Created
			var evs []ivs.Event
			evs = append(evs, ivs.NewEvent(v, ivs.LimitBreach, "Ingest Bitrate", at))
			for i := range 500 {
				name := ivs.StarvationStart
				if i%2 == 1 {
					name = ivs.StarvationEnd
				}
				evs = append(evs, ivs.NewEvent(v, ivs.StreamHealthChange, name, at.Add(time.Duration(i)*time.Millisecond)))
			}
			v.HasError = true
			s.save(t, v, evs...)

			var got struct {
				StreamSession struct {
					TruncatedEvents []struct{ Name, EventTime string }
				}
			}
			if err := json.Unmarshal(s.getSession(t, ""), &got); err != nil {
				t.Fatal(err)
			}
			list := got.StreamSession.TruncatedEvents
			if len(list) != 500 {
				t.Fatalf("%d events were answered, want 500", len(list))
			}
			for i, e := range list {
				want := ivs.StarvationEnd // of the 500 the last one, which comes first
				if i%2 == 1 {
					want = ivs.StarvationStart
				}
				if e.Name != want {
					t.Fatalf("event %d is %q, want %q", i, e.Name, want)
				}
			}
			out, err := s.plane.ListStreamSessions(t.Context(), &ivsapi.ListStreamSessionsInput{ChannelARN: fixedChannel})
			if err != nil {
				t.Fatal(err)
			}
			if len(out.StreamSessions) != 1 || !*out.StreamSessions[0].HasErrorEvent {
				t.Errorf("ListStreamSessions answered %+v, want one session with an error", out.StreamSessions)
			}
		})
	}
}

// A session keeps the channel as it was, whatever becomes of the channel.
func TestSnapshotDoesNotChange(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s, v := fixed(t, b.open(t))
			s.start(t, &v, v.Created.Add(6*time.Second))
			s.end(t, &v, v.Created.Add(time.Minute))
			before := s.getSession(t, "")
			for _, change := range [][3]string{
				{"POST", "/UpdateChannel", `{"arn": "` + fixedChannel + `", "name": "other", "authorized": false, "latencyMode": "LOW",
					"type": "ADVANCED_HD", "containerFormat": "TS", "insecureIngest": false, "multitrackInputConfiguration": {"enabled": false}}`},
				{"POST", "/tags/arn%3Aaws%3Aivs%3Aus-west-2%3A123456789012%3Achannel%2FabcdABCDefgh", `{"tags": {"team": "blue", "more": "x"}}`},
				{"DELETE", "/tags/arn%3Aaws%3Aivs%3Aus-west-2%3A123456789012%3Achannel%2FabcdABCDefgh?tagKeys=team", ""},
			} {
				if r := s.do(change[0], change[1], change[2]); r.StatusCode != http.StatusOK {
					text, _ := io.ReadAll(r.Body)
					t.Fatalf("%s %s answered %s", change[0], change[1], text)
				}
				if after := s.getSession(t, fixedStream); !bytes.Equal(before, after) {
					t.Errorf("after %s %s\n%s\nwant\n%s", change[0], change[1], after, before)
				}
			}
			if strings.Contains(string(before), "must-not-show") || strings.Contains(string(before), "passphrase") {
				t.Errorf("the session shows the passphrase: %s", before)
			}
		})
	}
}

// A session that is there says that its channel is: the channel is not read.
func TestASessionNeedsNoLookAtItsChannel(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			s, v := fixed(t, backend.open(t))
			s.plane.Store = blind{s.store}
			for _, id := range []string{v.StreamID, ""} {
				s.getSession(t, id)
			}
		})
	}
}

// blind is a store that cannot read channels.
type blind struct{ backend }

func (blind) Channel(context.Context, ivs.ARN) (ivs.Channel, error) {
	return ivs.Channel{}, errors.New("a channel was read")
}
