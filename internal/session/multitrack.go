package session

import (
	"errors"
	"slices"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/multitrack"
)

// maxMultitrack is the most bits per second of all tracks of an encoder that sends
// several pictures.
const maxMultitrack = 15_000_000

// An applicant is a publisher that asks to come in, with what its key says.
type applicant struct {
	ingest.Request                    // with the plain key
	sent           ivs.Secret         // the key as it came
	tracks         []ivs.GrantedTrack // that it was told to send; nil: its key is a plain one
	flaw           error              // why a session of it ends as soon as it has begun; nil: it does not
}

// applicant looks into the key of a publisher.
func (r *Registry) applicant(q ingest.Request) applicant {
	a := applicant{Request: q, sent: q.Key}
	if r.Granted == nil {
		return a
	}
	plain, tracks, err := r.Granted(q.Key)
	a.Key, a.tracks = plain, tracks
	if err != nil {
		a.flaw = &ivs.EndError{
			Code: ivs.MultitrackKeyInvalid,
			Err:  ivs.Errorf(ivs.Denied, "the key of the client configuration is not good (%w): start the stream again, or copy the channel's stream key", err),
		}
	}
	return a
}

// judge says what about an applicant can be told to be wrong for its channel before
// any media comes.
func (a *applicant) judge(ch ivs.Channel) {
	m := ch.Multitrack
	switch {
	case (a.flaw != nil || len(a.tracks) > 0) && !m.Enabled:
		a.flaw = &ivs.EndError{
			Code: ivs.MultitrackNotAllowed,
			Err:  ivs.Errorf(ivs.Denied, "this channel takes one picture only: turn multitrack video off in the encoder, or set multitrackInputConfiguration on the channel"),
		}
	case a.flaw == nil && len(a.tracks) == 0 && m.Enabled && m.Policy == ivs.RequireMultitrack && a.Protocol == "srt":
		a.flaw = &ivs.EndError{
			Code: ivs.MultitrackRequired,
			Err:  ivs.Errorf(ivs.Denied, "this channel takes multitrack video only, which SRT does not carry: publish over RTMPS, or change multitrackInputConfiguration on the channel"),
		}
	}
}

// terms are what the applicant's pictures have to be.
func (a *applicant) terms(ch ivs.Channel) multitrack.Terms {
	return multitrack.Terms{Channel: ch.Multitrack, Granted: a.tracks}
}

// Takes reports whether a codec is carried: HEVC is from encoders that were told to
// send it.
func (p *publisher) Takes(c media.Codec) bool {
	return c != media.HEVC || slices.ContainsFunc(p.live.terms.Granted, func(t ivs.GrantedTrack) bool { return t.Codec == string(media.HEVC) })
}

// inspect says what about the tracks of the encoder is not taken, or nil.
func (l *live) inspect(tracks []*media.Track) error {
	if err := l.terms.Tracks(tracks); err != nil {
		return err
	}
	if len(l.terms.Granted) > 0 { // the channel may take less than when they were
		pixels, edge := l.terms.Channel.Largest()
		for _, t := range tracks {
			if t.Kind != media.Video {
				continue
			}
			if err := tooLarge(t.Picture, pixels, edge, "start the stream again, for the encoder to ask what the channel takes now"); err != nil {
				return err
			}
		}
	}
	return inspect(tracks)
}

// described is what the encoder sends. Of tracks that it declares nothing of it is
// what it was told.
func (l *live) described(d ingest.Declaration, tracks []*media.Track, measured int) *ivs.Ingest {
	in := describe(d, tracks, measured)
	if in == nil {
		return nil
	}
	for i, g := range l.terms.Granted {
		if i >= len(in.Video) {
			break
		}
		v := &in.Video[i]
		if i > 0 || v.TargetBitrate == 0 {
			v.TargetBitrate = g.Bitrate
		}
		if i > 0 || d.Framerate == 0 {
			v.TargetFramerate = g.Framerate
		}
	}
	return in
}

// sessionEnded is the event about the end of the encoder's media.
func sessionEnded(s ivs.Session, cause error, at time.Time) ivs.Event {
	ev := ivs.NewEvent(s, ivs.StreamStateChange, ivs.SessionEnded, at)
	if e, ok := errors.AsType[*ivs.EndError](cause); ok {
		ev.Code = e.Code
	}
	return ev
}
