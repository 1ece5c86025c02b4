package app

import (
	"io"
	"log/slog"
)

// logKeys returns every attribute key that a log line of ours may have, so that a
// search for one finds all of its kind. A key that is missing here is added
// here before it is used.
func logKeys() []string {
	return []string{
		"channel",   // ARN of a channel
		"session",   // stream id
		"remote",    // address and port of a peer
		"rendition", // name of a rendition
		"op",        // what was being done: an API operation, a step, an RTMP command
		"err",       // what went wrong
		"took",      // how long it took
		"addr",      // address of ours
		"url",       // URL of ours
		"file",      // path of a file
		"prefix",    // where a recording is in its bucket
		"version",   // version of this program, or of ffmpeg
		"status",    // HTTP status
		"request",   // id of an API request
		"protocol",  // rtmp, rtmps, http
		"count",     // how many
		"at",        // when it happened, where that is not now
		"reason",    // why a session ended
		"dropped",   // messages of a publisher, or pictures for a rendition, that were passed over
		"malformed", // messages of a publisher that could not be read
		"resource",  // ARN of anything but a channel
		"bucket",    // name of a bucket
		"event",     // name of an event
		"pause",     // how long until it is tried again
		"stack",     // of a panic
		"sink",      // name of a sink of events
		"free",      // bytes that a disk has left
		"fault",     // what was made to go wrong on purpose
	}
}

// NewLog returns a logger that writes lines of a format, "text" or "json", to w.
func NewLog(w io.Writer, format string, level slog.Level) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
