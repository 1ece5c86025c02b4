package e2e

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/publisher"
	domain "openivs/internal/ivs"
	"openivs/internal/store"
)

const (
	idleLimit = 30 * time.Second // without media, then the session ends
	crashSlip = 2 * time.Second  // how far off an end may be after a crash
	slack     = 5 * time.Second  // for what a loaded machine adds to a time
)

func TestStopStreamEndsTheStream(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	_, _, master := fetch(t, ch.playback)
	rendition := firstURI(t, ch.playback, master)

	if _, err := s.ivs.StopStream(t.Context(), &ivs.StopStreamInput{ChannelArn: &ch.arn}); err != nil {
		t.Fatal(err)
	}
	if err := enc.left(overIn); err == nil {
		t.Error("the encoder left as if nothing had happened, want an error")
	}
	over := ch.over(id)
	if got := names(over); !slices.Equal(got, wholeStream) {
		t.Errorf("events %v, want %v", got, wholeStream)
	}
	wantEnd(t, rendition)
	_, err := s.ivs.StopStream(t.Context(), &ivs.StopStreamInput{ChannelArn: &ch.arn})
	wantError[*types.ChannelNotBroadcasting](t, "StopStream again", err)
	_, err = s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
	wantError[*types.ChannelNotBroadcasting](t, "GetStream after the end", err)
}

func TestStopStreamTellsTheEncoder(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	c := encode(t, small, voice)
	pub := publish(t, s.At.RTMP, ch.key)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	played := make(chan error, 1)
	go func() {
		_, err := pub.Play(ctx, c.tags)
		played <- err
	}()
	ch.live()
	if _, err := s.ivs.StopStream(t.Context(), &ivs.StopStreamInput{ChannelArn: &ch.arn}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-pub.Ended():
	case <-time.After(overIn):
		t.Fatal("the connection is still open")
	}
	<-played
	refused, ok := errors.AsType[*publisher.RefusedError](pub.Err())
	if !ok || refused.Code == "" || refused.Description == "" {
		t.Errorf("the connection ended with %v, want a status with code and description", pub.Err())
	}
}

// TestAPulledCableEndsTheStream stops the encoder dead, its connection open.
func TestAPulledCableEndsTheStream(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	pulled := time.Now()
	enc.signal(syscall.SIGSTOP)

	until(t, overIn, "the stream is starving", func() (bool, string) {
		out, err := s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
		if err != nil {
			t.Fatal(err)
		}
		return out.Stream.Health == types.StreamHealthStarving, string(out.Stream.Health)
	})
	var over *types.StreamSession
	until(t, idleLimit+overIn, "the session is over", func() (bool, string) {
		over = ch.session(id)
		return over.EndTime != nil, "no endTime"
	})
	want := []string{"Session Created", "Stream Start", "Starvation Start", "Session Ended", "Stream End"}
	if got := names(over); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	ended := event(t, over, "Session Ended").EventTime
	if after := ended.Sub(pulled); after < idleLimit-slack || after > idleLimit+slack {
		t.Errorf("Session Ended %v after the last media, want about %v", after, idleLimit)
	}
}

// TestKillNineLosesNothing compares the end that the next start writes down with
// the log of the sender.
func TestKillNineLosesNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := encode(t, small, voice)
	type sender struct {
		ch   channel
		id   string
		last time.Time
		done chan struct{}
	}
	var senders []*sender
	for range 2 {
		x := &sender{ch: s.channel(t), done: make(chan struct{})}
		pub := publish(t, s.At.RTMP, x.ch.key)
		go func() {
			defer close(x.done)
			x.last, _ = pub.Play(t.Context(), c.tags)
		}()
		senders = append(senders, x)
	}
	never := s.channel(t) // accepted, and no media at the time of the crash
	publish(t, s.At.RTMP, never.key)
	for _, x := range senders {
		x.id = str(x.ch.live().StreamId)
	}
	neverID := str(never.appears().StreamId)

	s.kill()
	for _, x := range senders {
		<-x.done
	}
	s.start()

	for _, x := range senders {
		over := x.ch.session(x.id)
		if over.EndTime == nil {
			t.Fatalf("session %s is still open after the next start", x.id)
		}
		if got := names(over); !slices.Equal(got, wholeStream) {
			t.Errorf("events %v, want %v", got, wholeStream)
		}
		for _, name := range []string{"Session Ended", "Stream End"} {
			at := *event(t, over, name).EventTime
			// The API tells whole seconds, hence one more downward.
			if off := at.Sub(x.last); off < -crashSlip-time.Second || off > crashSlip {
				t.Errorf("%s at %v, the sender's last message left at %v: %v off, want at most %v", name, at, x.last, off, crashSlip)
			}
		}
		compareSizes(t, over, c)
	}
	over := never.session(neverID)
	if got, want := names(over), []string{"Session Created", "Session Ended"}; !slices.Equal(got, want) || over.EndTime == nil {
		t.Errorf("without media: events %v, endTime %v, want %v and an end", got, over.EndTime, want)
	}
	// What was live can be live again at once.
	pub := publish(t, s.At.RTMP, senders[0].ch.key)
	if err := pub.Unpublish(senders[0].ch.key); err != nil {
		t.Error(err)
	}
}

// TestKillNineWhileStarving kills the server after an encoder fell silent: the
// end that the next start writes down is not before the starvation.
func TestKillNineWhileStarving(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	enc.signal(syscall.SIGSTOP)
	until(t, overIn, "the starvation is stored", func() (bool, string) {
		got := names(ch.session(id))
		return slices.Contains(got, "Starvation Start"), strings.Join(got, ", ")
	})
	s.kill()
	s.start()
	over := ch.session(id)
	want := []string{"Session Created", "Stream Start", "Starvation Start", "Session Ended", "Stream End"}
	if got := names(over); !slices.Equal(got, want) || over.EndTime == nil {
		t.Fatalf("events %v, endTime %v, want %v and an end", got, over.EndTime, want)
	}
	for i := 1; i < len(want); i++ {
		if before, at := event(t, over, want[i-1]).EventTime, event(t, over, want[i]).EventTime; at.Before(*before) {
			t.Errorf("%s at %v, after %s at %v", want[i], at, want[i-1], before)
		}
	}
}

// compareSizes checks that a session still knows its ingest configuration.
func compareSizes(t *testing.T, s *types.StreamSession, c clip) {
	t.Helper()
	if s.IngestConfiguration == nil || s.IngestConfiguration.Video == nil {
		t.Error("the ingest configuration is gone")
		return
	}
	if v := s.IngestConfiguration.Video; v.VideoWidth != c.video.Width || v.VideoHeight != c.video.Height {
		t.Errorf("%dx%d, want %dx%d", v.VideoWidth, v.VideoHeight, c.video.Width, c.video.Height)
	}
}

func TestASecondPublisherIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)

	wantRefused(t, s.At.RTMP, ch.key)
	wantRefused(t, s.At.RTMPS, ch.key)

	if now := str(ch.live().StreamId); now != id {
		t.Errorf("the stream is %s, want %s undisturbed", now, id)
	}
	if n := len(ch.sessions()); n != 1 {
		t.Errorf("%d sessions, want the first alone", n)
	}
}

func TestAWrongKeyLeavesNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	for _, key := range []string{"sk_us-east-1_abcdefghijkl_abcdefghijklmnopqrstuvwxyzabcd", ch.key + "x", "x", ""} {
		if d := wantRefused(t, s.At.RTMP, key); strings.Contains(d, ch.key) {
			t.Errorf("the refusal of %q shows a key: %s", key, d)
		}
	}
	enc := stream(t, encode(t, small, voice), s.At.RTMP+"/sk_us-east-1_abcdefghijkl_wrong")
	if err := enc.left(overIn); err == nil {
		t.Error("ffmpeg was content with a wrong key")
	}
	if got := ch.sessions(); len(got) != 0 {
		t.Errorf("sessions %v, want none", got)
	}
}

func TestAStrictChannelTakesNoPlainRTMP(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t, insecure(false))
	wantRefused(t, s.At.RTMP, ch.key)
	if got := ch.sessions(); len(got) != 0 {
		t.Errorf("sessions %v, want none", got)
	}
	stream(t, encode(t, small, voice), ch.rtmps())
	ch.live()
}

// wantRefused publishes, expects a status with code and description, and
// returns the description.
func wantRefused(t *testing.T, address, key string) string {
	t.Helper()
	c := dial(t, address)
	ctx, cancel := context.WithTimeout(t.Context(), overIn)
	defer cancel()
	err := c.Publish(ctx, key)
	refused, ok := errors.AsType[*publisher.RefusedError](err)
	if !ok {
		t.Errorf("publishing: %v, want a status", err)
		return ""
	}
	if !strings.HasPrefix(refused.Code, "NetStream.Publish.") || refused.Description == "" {
		t.Errorf("refused with code %q, description %q", refused.Code, refused.Description)
	}
	return refused.Description
}

func TestALiveChannelIsNotChanged(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t, named("before"))
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)

	_, err := s.ivs.DeleteChannel(t.Context(), &ivs.DeleteChannelInput{Arn: &ch.arn})
	wantError[*types.ConflictException](t, "DeleteChannel while live", err)
	_, err = s.ivs.UpdateChannel(t.Context(), &ivs.UpdateChannelInput{Arn: &ch.arn, Name: aws.String("after")})
	wantError[*types.ConflictException](t, "UpdateChannel while live", err)
	if now := str(ch.live().StreamId); now != id {
		t.Errorf("the stream is %s, want %s undisturbed", now, id)
	}

	enc.quit()
	ch.over(id)
	if _, err := s.ivs.UpdateChannel(t.Context(), &ivs.UpdateChannelInput{Arn: &ch.arn, Name: aws.String("after")}); err != nil {
		t.Errorf("UpdateChannel after the end: %v", err)
	}
	if _, err := s.ivs.DeleteChannel(t.Context(), &ivs.DeleteChannelInput{Arn: &ch.arn}); err != nil {
		t.Errorf("DeleteChannel after the end: %v", err)
	}
	_, err = s.ivs.GetStreamSession(t.Context(), &ivs.GetStreamSessionInput{ChannelArn: &ch.arn, StreamId: &id})
	wantError[*types.ResourceNotFoundException](t, "GetStreamSession of a deleted channel", err)
}

// TestASecondServerIsRefused starts another one on the same directory.
func TestASecondServerIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	ctx, cancel := context.WithTimeout(t.Context(), readyIn)
	defer cancel()
	_, err := output(ctx, built.openivs, "serve", "--data", s.Data, "--listen", "127.0.0.1:0", "--srt", "off")
	if err == nil || ctx.Err() != nil {
		t.Fatalf("a second server on the same directory: %v, want a refusal", err)
	}
	if !strings.Contains(err.Error(), "in use") && !strings.Contains(err.Error(), "pid") && !strings.Contains(err.Error(), "held") {
		t.Errorf("the refusal does not name the holder: %v", err)
	}
	if _, err := s.ivs.GetChannel(t.Context(), &ivs.GetChannelInput{Arn: &ch.arn}); err != nil {
		t.Errorf("the first server after that: %v", err)
	}
}

// TestAStopIsClean ends a server with a stream on it that somebody watches: the
// player is never told that the stream is over, for it may go on in a moment.
func TestAStopIsClean(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	_, _, master := fetch(t, ch.playback)
	seen := poll(t, firstURI(t, ch.playback, master))
	s.end(syscall.SIGTERM)
	if out, err := output(t.Context(), "ls", s.Data+"/endpoints.json"); err == nil {
		t.Errorf("%s is still there after a clean stop", out)
	}
	playlists := <-seen
	if last := playlists[len(playlists)-1]; !strings.Contains(last, "#EXTINF") || strings.Contains(last, "#EXT-X-ENDLIST") {
		t.Errorf("the last of %d playlists during the stop, want segments and no ENDLIST:\n%s", len(playlists), last)
	}
	if got := stored(t, s, ch.arn, id).Reason; got != "server is stopping" {
		t.Errorf("the session ended because %q, want that the server is stopping", got)
	}
	s.start()
	over := ch.session(id)
	if got := names(over); !slices.Equal(got, wholeStream) || over.EndTime == nil {
		t.Errorf("events %v, endTime %v, want %v and an end", got, over.EndTime, wholeStream)
	}
}

// poll asks for a media playlist as a player does, until the server has left,
// and sends all that it was answered.
func poll(t *testing.T, address string) <-chan []string {
	t.Helper()
	_, _, first := fetch(t, address)
	out := make(chan []string, 1)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	again := time.NewTicker(lookAgain)
	go func() {
		defer again.Stop()
		all := []string{first}
		for range again.C {
			res, err := client.Get(address)
			if err != nil {
				out <- all
				return
			}
			b, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err == nil {
				all = append(all, string(b))
			}
		}
	}()
	return out
}

// stored is a session as a stopped server left it in its database.
func stored(t *testing.T, s *running, channel, id string) domain.Session {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: filepath.Join(s.Data, "openivs.db"), Mode: store.Reader})
	if err != nil {
		t.Fatal(err)
	}
	arn, err := domain.ParseARN(channel)
	if err != nil {
		t.Fatal(err)
	}
	session, err := db.Session(t.Context(), arn, id)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return session
}
