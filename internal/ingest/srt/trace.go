package srt

import (
	"strings"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"openivs/internal/ingest"
	"openivs/internal/trace"
)

// noteRequest begins the account of a connection: all that the handshake says but
// the key.
func noteRequest(q ingest.Request, id string) {
	form := "KEY"
	if strings.HasPrefix(id, controlled) || strings.HasPrefix(id, escaped) {
		form = "#!::"
	}
	secured := "without a passphrase"
	if q.Secure {
		secured = "encrypted with a passphrase"
	}
	q.Trace.Note("connected", "from %s over SRT, %s", q.Remote, secured)
	q.Trace.Note("stream id", "of %d characters in the form %s; a key of %d characters; %s",
		len(id), form, len(q.Key), trace.Arguments(q.Query, "priority", "keyframeInterval"))
}

// noteAccepted notes what was agreed on.
func (c *conn) noteAccepted() {
	var s gosrt.Statistics
	c.nc.Stats(&s)
	c.trace.Note("accepted", "packets are held back for %d ms for those that are missing", s.Instantaneous.MsRecvTsbPdDelay)
}

// noteEnd notes why the connection ends, and what it was like.
func (c *conn) noteEnd(err error) {
	var s gosrt.Statistics
	c.nc.Stats(&s)
	why := "the encoder ended the stream"
	if err != nil {
		why = err.Error()
	}
	l, now := link(&s), time.Now()
	c.trace.Last("disconnected", "%s; %d packets came in %v, the last media %v before the end; %d were missing at first, %d came again, %d came too late or twice; "+
		"round trip %v; %d units were passed over, %d could not be read",
		why, l.Received, now.Sub(c.start).Round(time.Millisecond), now.Sub(time.Unix(0, c.heard.Load())).Round(time.Millisecond),
		l.Lost, l.Retransmitted, l.Dropped, l.RTT.Round(time.Millisecond), c.media.dropped+c.media.reader.Lost, c.media.bad)
}
