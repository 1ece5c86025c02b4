package session

import (
	"context"
	"errors"
	"time"

	"openivs/internal/ivs"
)

// tail is how long a pipeline may take to close before Session Ended is stored
// ahead of Stream End instead of together with it.
const tail = 250 * time.Millisecond

// close ends the session: Session Ended with the time at which media ended,
// then the pipeline's tail, then Stream End if the stream had started. Each
// event is stored with the state it describes, so what a crash leaves open is
// exactly what Recover has to add. The channel stays taken until all is stored.
func (l *live) close(ctx context.Context) {
	e := l.end.Load()
	l.encoderGone(e)

	var over time.Time // when the pipeline was closed; read after closed
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		l.closePipeline(!errors.Is(e.cause, errServerStopping))
		over = now()
	}()
	started := !l.rec.s.Started.IsZero()
	if !started || !within(ctx, closed, tail) {
		l.settle(ctx)
	}
	ended := now()
	if within(ctx, closed, l.reg.flushWait()) {
		ended = over
	} else {
		l.log.Error("pipeline does not close", "took", now().Sub(ended))
	}
	if started {
		l.trace.Note("stream end", "the last of the stream can be watched, %v after the encoder left", ended.Sub(e.at).Round(time.Millisecond))
		l.rec.s.Ended = l.rec.note(ivs.StreamStateChange, ivs.StreamEnd, ended)
		l.settle(ctx)
	}
	l.log.Info("session ended", "reason", l.rec.s.Reason, "took", l.rec.s.Ended.Sub(l.rec.s.Created))
}

// encoderGone brings the record to the state after Session Ended.
func (l *live) encoderGone(e *ending) {
	s := &l.rec.s
	l.allReported()
	select {
	case <-l.pipe.Playable(): // in the moment of the end: somebody may have watched
		if s.Started.IsZero() {
			l.start(e.at)
		}
	default:
	}
	l.refresh()
	if s.Ingest == nil {
		declared, tracks := l.facts.get()
		l.rec.ingest(l.described(declared, tracks, 0))
	}
	s.LastMedia = l.mediaTime()
	s.Reason = reason(e.cause)
	l.trace.Note("ended", "%s", s.Reason)
	l.endEvent(e.cause, e.at)
	s.IngestEnded = l.rec.add(sessionEnded(*s, e.cause, e.at))
	if s.Started.IsZero() {
		s.Ended = s.IngestEnded
	}
}

// closePipeline closes the pipeline once no unit is on its way into it.
func (l *live) closePipeline(final bool) {
	l.feed.Lock()
	pipe := l.pipe
	l.pipe = none{}
	l.feed.Unlock()
	if err := pipe.Close(final); err != nil {
		l.trace.Note("pipeline", "closed with an error: see the server's log")
		l.log.Error("pipeline closed with an error", "err", err)
	}
}

func (l *live) settle(ctx context.Context) {
	if err := l.rec.settle(ctx); err != nil {
		l.log.Error("session's end is left to the next start", "err", err)
	}
}

// within reports whether c is closed before d is over. An earlier end of ctx
// counts as the end of d.
func within(ctx context.Context, c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// maxReason is how many bytes of a session's reason are kept.
const maxReason = 512

// reason is what an operator reads about the end of a session.
func reason(cause error) string {
	if cause == nil {
		return "the encoder ended the stream"
	}
	return clip(cause.Error(), maxReason)
}
