package rtmp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ingest/rtmp"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/trace"
)

// A witness is a gate that keeps the account of who was let in.
type witness struct {
	*gate
	log *trace.Log
}

func (w *witness) Admit(ctx context.Context, r ingest.Request) (ingest.Publication, error) {
	r.Trace.Join(w.log) // without a word of what is secret
	return w.gate.Admit(ctx, r)
}

func entries(l *trace.Log) string {
	a, _ := l.Account()
	var b strings.Builder
	for _, e := range a.Entries {
		fmt.Fprintf(&b, "%s: %s\n", e.What, e.Text)
	}
	return b.String()
}

func TestTheAccountTellsWhatWasSaid(t *testing.T) {
	w := &witness{newGate(), trace.New()}
	c := dial(t, listen(t, &rtmp.Server{Gate: w}))
	if r, err := c.Publish("app", "sk_us-east-1_abc_def?priority=3&x=y"); err != nil || r.Code != "NetStream.Publish.Start" {
		t.Fatal(r.Code, err)
	}
	p := <-w.admitted
	send(t, c, rtmptest.Message{Chunks: 2, Type: rtmptest.SetChunkSize, Body: []byte{0, 0, 16, 0}})
	c.Size = 4096
	send(t, c, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)), video(0, rtmptest.Frame(5, 3000, 0)))
	quit(t, c, p)
	got := entries(w.log)
	for _, want := range []string{
		"connected: from 127.0.0.1:",
		"handshake: done",
		"connect: application app, tcUrl rtmp://127.0.0.1/app, encoder FMLE/3.0 (compatible; Lavf59.27.100)",
		"command: releaseStream\ncommand: FCPublish\ncommand: createStream\ncommand: publish\n",
		"stream key: of 20 characters where publish names the stream; arguments: priority=3, 1 others",
		"chunk size: 4096 bytes, before that 128",
		"command: FCUnpublish\ndisconnected: the encoder ended the stream; ",
		" bytes came in ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not tell %q:\n%s", want, got)
		}
	}
}

// TestNoKeyIsInTheAccount puts a key wherever encoders that are set wrongly put it,
// with no one to hide it.
func TestNoKeyIsInTheAccount(t *testing.T) {
	const key = "sk_us-east-1_AbCdEfGhIjKl_0123456789abcdef"
	command := func(name string, args ...any) rtmptest.Message { return rtmptest.Call(0, name, 9, args...) }
	for name, messages := range map[string][]rtmptest.Message{
		"publish":      {connectCall(), rtmptest.Call(1, "publish", 5, nil, key, "live")},
		"query":        {connectCall(), rtmptest.Call(1, "publish", 5, nil, key+"?"+key+"&priority="+key+"&"+key+"="+key, "live")},
		"two queries":  {connectCall(), rtmptest.Call(1, "publish", 5, nil, key+"?"+key+"?"+key, "live")},
		"app":          {command("connect", object("app", "app/"+key, "tcUrl", "rtmp://127.0.0.1/app/"+key)), rtmptest.Call(1, "publish", 5, nil, "")},
		"app alone":    {command("connect", object("app", key, "tcUrl", "rtmp://127.0.0.1/"+key)), rtmptest.Call(1, "publish", 5, nil, key)},
		"app's query":  {command("connect", object("app", "app?"+key, "tcUrl", "rtmp://127.0.0.1/app?key="+key)), rtmptest.Call(1, "publish", 5, nil, key)},
		"tcUrl's user": {command("connect", object("app", "app", "tcUrl", "rtmp://"+key+":"+key+"@127.0.0.1/app/"+key)), rtmptest.Call(1, "publish", 5, nil, "")},
		"tcUrl's host": {command("connect", object("app", "app/"+key, "tcUrl", "rtmp://"+key+"/app")), rtmptest.Call(1, "publish", 5, nil, "")},
		"commands":     {connectCall(), command("releaseStream", nil, key), command(key), command("FCPublish", nil, key), rtmptest.Call(1, "publish", 5, nil, key)},
	} {
		t.Run(name, func(t *testing.T) {
			w := &witness{newGate(), trace.New()}
			c := dial(t, listen(t, &rtmp.Server{Gate: w}))
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			send(t, c, messages...)
			var p *publication
			select {
			case p = <-w.admitted:
			case <-time.After(20 * time.Second):
				t.Fatal("it was not let in")
			}
			send(t, c, metadata("videodatarate", key, key, 1.0))
			quit(t, c, p)
			got := entries(w.log)
			for i := 0; i+10 <= len(key); i++ {
				if part := key[i : i+10]; strings.Contains(got, part) {
					t.Fatalf("%q of the key is in the account:\n%s", part, got)
				}
			}
			if !strings.Contains(got, "stream key: of 42 characters") || !strings.Contains(got, "disconnected: ") {
				t.Errorf("the account is\n%s", got)
			}
		})
	}
}
