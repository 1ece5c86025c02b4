package session

import (
	"fmt"
	"strings"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/trace"
)

// tracesEvery is how often the account of a session that lives is written at
// most, if nothing else is. Its end is written with the session's.
const tracesEvery = 10 * time.Second

// Trace returns the account of a session that lives.
func (r *Registry) Trace(streamID string) (a trace.Account, live bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, l := range r.live {
		if l.id == streamID {
			a, _ = l.trace.Account()
			return a, true
		}
	}
	return a, false
}

// turned notes in the account of a channel's session that another was refused.
func (r *Registry) turned(channel ivs.ARN, q ingest.Request, err error) {
	r.mu.RLock()
	l := r.live[channel]
	r.mu.RUnlock()
	if l != nil {
		l.trace.Turned(q.Remote, err)
	}
}

// traced has the account written if it has grown and that is long ago.
func (r *record) traced(at time.Time) {
	if r.trace.Changes() != r.traces && at.Sub(r.tracedAt) >= tracesEvery {
		r.dirty = true
	}
}

// account returns the account where it has grown since it was stored.
func (r *record) account() string {
	r.tracing = r.traces
	if r.trace.Changes() == r.traces {
		return ""
	}
	a, changes := r.trace.Account()
	r.tracing, r.tracedAt = changes, time.Now()
	return a.JSON()
}

// noteStart notes that the stream can be watched, and what came until then.
func (l *live) noteStart(at time.Time) {
	t := l.meter.Totals()
	l.trace.Note("stream start", "it can be watched, %v after the key was accepted and %v after the first media",
		at.Sub(l.created).Round(time.Millisecond), at.Sub(t.First).Round(time.Millisecond))
}

// noteDeclared notes what the encoder says of itself.
func (p *publisher) noteDeclared(d ingest.Declaration) {
	p.trace.Note("metadata", "encoder %s; video %d bit/s, %d x %d, %.3g pictures a second; audio %d bit/s, %d Hz, %d channels (0: not said)",
		trace.Said(d.Encoder), d.VideoBitrate, d.Width, d.Height, d.Framerate, d.AudioBitrate, d.SampleRate, d.Channels)
}

// noteTracks notes the media's headers.
func (p *publisher) noteTracks(tracks []*media.Track) {
	var all []string
	for _, t := range tracks {
		switch t.Kind {
		case media.Video:
			all = append(all, fmt.Sprintf("video %s, %d x %d, %.4g pictures a second", t.CodecString(), t.Picture.Width, t.Picture.Height, t.Picture.Framerate))
		case media.Audio:
			all = append(all, fmt.Sprintf("audio %s, %d Hz, %d channels", t.CodecString(), t.Sound.SampleRate, t.Sound.Channels))
		case media.Data:
		}
	}
	p.trace.Note("media headers", "%s", strings.Join(all, "; "))
}
