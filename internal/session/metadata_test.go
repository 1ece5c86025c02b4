package session_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

func TestMetadataGoesWhereThePicturesAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		put := func(payload string) error { return h.PutMetadata(t.Context(), ch.ARN, ivs.Secret(payload)) }
		wantCode(t, "while nobody publishes", put("x"), ivs.NotLive)
		e := h.admit(t, ch)
		e.headers()
		wantCode(t, "before the first segment", put("x"), ivs.NotLive)
		if err := e.send(4 * time.Second); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		long := strings.Repeat("é", 512)
		for _, payload := range []string{"hello", long} {
			if err := put(payload); err != nil {
				t.Fatalf("PutMetadata: %v", err)
			}
		}
		got := h.pipe(0).received()
		if len(got) != 2 {
			t.Fatalf("%d units of data, want 2", len(got))
		}
		for i, payload := range []string{"hello", long} {
			u := got[i]
			if u.Track.Kind != media.Data || u.Track.Codec != media.ID3 || u.Track != got[0].Track {
				t.Errorf("unit %d is of track %+v, want one ID3 track", i, u.Track)
			}
			if u.DTS != e.dts-media.TicksOf(frame) || u.PTS != u.DTS || !u.At.Equal(time.Now()) {
				t.Errorf("unit %d is at %d, %d, arrived %v, want the newest picture's %d", i, u.PTS, u.DTS, u.At, e.dts-media.TicksOf(frame))
			}
			if want := tag(payload); !bytes.Equal(u.Data, want) {
				t.Errorf("unit %d holds %.60q, want %.60q", i, u.Data, want)
			}
		}
		if s := h.disk.session(e.id); s.HasError || len(h.disk.history(e.id)) != 2 {
			t.Errorf("metadata left something in the session: %+v, %v", s, h.disk.history(e.id))
		}
		e.pub.End(nil)
		wantCode(t, "after the end", put("x"), ivs.NotLive)
	})
}

// tag is an ID3v2.4 tag with one TXXX frame, written out by hand.
func tag(payload string) []byte {
	n := 1 + len("metadata.live-video.net") + 1 + len(payload)
	var b bytes.Buffer
	b.WriteString("ID3\x04\x00\x00")
	b.Write([]byte{0, 0, byte((n + 10) / 128), byte((n + 10) % 128)})
	b.WriteString("TXXX")
	b.Write([]byte{0, 0, byte(n / 128), byte(n % 128), 0, 0, 3})
	b.WriteString("metadata.live-video.net\x00" + payload)
	return b.Bytes()
}

func wantCode(t *testing.T, what string, err error, want ivs.Code) {
	t.Helper()
	if got := ivs.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: %v (code %q), want code %q", what, err, got, want)
	}
}

// A pipeline that refuses metadata has ended, whoever brings it.
func TestMetadataThatThePipelineRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		e.headers()
		if err := e.send(3 * time.Second); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		broken := errors.New("the pipeline broke")
		p := h.pipe(0)
		p.mu.Lock()
		p.refuse = broken
		p.mu.Unlock()
		wantCode(t, "PutMetadata", h.PutMetadata(t.Context(), ch.ARN, "x"), ivs.NotLive)
		<-e.pub.Done()
		if err := e.pub.Cause(); !errors.Is(err, broken) {
			t.Errorf("the session ended with %v, want %v", err, broken)
		}
		e.pub.End(e.pub.Cause())
	})
}
