package rtmp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"openivs/internal/trace"
)

// noteConnected begins the account of the connection.
func (c *conn) noteConnected() {
	q := &c.session.request
	if t, ok := c.nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		s := t.ConnectionState()
		q.Trace.Note("connected", "from %s over RTMPS, %s", q.Remote, tls.VersionName(s.Version))
		return
	}
	q.Trace.Note("connected", "from %s over RTMP", q.Remote)
}

// noteProtocol notes what the peer sets of the connection.
func (s *session) noteProtocol(typ byte, v uint32) {
	switch typ {
	case typeSetChunkSize:
		if was := s.chunks.chunkSize(); int64(was) != int64(v) {
			s.request.Trace.Note("chunk size", "%d bytes, before that %d", v, was)
		}
	case typeAbort:
		s.request.Trace.Note("abort", "of what is incomplete on chunk stream %d", v)
	case typeWindowAckSize:
		if uint64(v) != s.window {
			s.request.Trace.Note("window", "to be acknowledged each %d bytes", v)
		}
	}
}

// noteCommand notes a command without what may be a key.
func (s *session) noteCommand(c command) {
	if c.name != "connect" {
		s.request.Trace.Note("command", "%s", commandName(c.name))
		return
	}
	s.request.Trace.Note("connect", "application %s, tcUrl %s, encoder %s", trace.Path(c.app), trace.Address(c.tcURL), trace.Said(c.flashVer))
}

// commandName shows a name that has the form of a command's.
func commandName(s string) string {
	const most = 20
	if len(s) <= most && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" {
		return s
	}
	return fmt.Sprintf("of %d characters", len(s))
}

// noteKey notes where the stream key was, and what came with it.
func (s *session) noteKey(c command) {
	where := "where publish names the stream"
	if name, _ := splitQuery(c.text); name == "" {
		where = "behind the application's name, and publish names no stream"
	}
	q := s.request
	q.Trace.Note("stream key", "of %d characters %s; %s", len(q.Key), where, trace.Arguments(q.Query, "priority", "keyframeInterval"))
}

// noteEnd notes why the connection ends, and what it was like.
func (c *conn) noteEnd(err error, now time.Time) {
	s := &c.session
	why := "none"
	switch {
	case errors.Is(err, errUnpublished):
		why = "the encoder ended the stream"
	case errors.Is(err, io.EOF):
		why = "the encoder closed the connection without ending the stream"
	case err != nil:
		why = err.Error()
	}
	s.request.Trace.Last("disconnected", "%s; %d bytes came in %v, the last media %v before the end; %d messages were passed over, %d could not be read",
		why, s.received, now.Sub(c.start).Round(time.Millisecond), now.Sub(s.media.heard).Round(time.Millisecond), s.media.dropped, s.media.bad)
}
