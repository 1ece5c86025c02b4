package control

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// sessionPage is how many sessions a page has unless the caller says otherwise.
const sessionPage = 100

// GetStreamSession returns what a session was: the one that is asked for, or
// the newest of the channel.
func (p *Plane) GetStreamSession(ctx context.Context, in *ivsapi.GetStreamSessionInput) (*ivsapi.GetStreamSessionOutput, error) {
	arn, err := p.own(ctx, "channelArn", in.ChannelARN, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	id := value(in.StreamID)
	s, err := p.Store.Session(ctx, arn, id)
	if ivs.CodeOf(err) == ivs.NotFound { // it may be the channel that is missing
		if _, err := p.Store.Channel(ctx, arn); err != nil {
			return nil, storeError(err, in.ChannelARN)
		}
	}
	if err != nil && id == "" {
		return nil, storeError(err, "stream session of "+in.ChannelARN)
	}
	if err != nil {
		return nil, storeError(err, id)
	}
	events, err := p.Store.SessionEvents(ctx, s.StreamID, ivs.MaxSessionEvents)
	if err != nil {
		return nil, storeError(err, s.StreamID)
	}
	out, err := streamSession(s, events)
	if err != nil {
		return nil, err
	}
	return &ivsapi.GetStreamSessionOutput{StreamSession: out}, nil
}

// ListStreamSessions lists the sessions of a channel, the newest first.
func (p *Plane) ListStreamSessions(ctx context.Context, in *ivsapi.ListStreamSessionsInput) (*ivsapi.ListStreamSessionsOutput, error) {
	l, err := p.list("ListStreamSessions", in.NextToken, in.MaxResults, sessionPage, in.ChannelARN)
	if err != nil {
		return nil, err
	}
	c, err := p.findChannel(ctx, "channelArn", in.ChannelARN)
	if err != nil {
		return nil, err
	}
	page, err := p.Store.Sessions(ctx, c.ARN, l.after, l.limit)
	if err != nil {
		return nil, storeError(err, in.ChannelARN)
	}
	return &ivsapi.ListStreamSessionsOutput{StreamSessions: each(page.Items, sessionSummary), NextToken: p.next(l, page.Next)}, nil
}

func sessionSummary(s ivs.SessionSummary) ivsapi.StreamSessionSummary {
	return ivsapi.StreamSessionSummary{
		StreamID:      new(s.StreamID),
		StartTime:     seconds(s.Start),
		EndTime:       seconds(s.Ended),
		HasErrorEvent: new(s.HasError),
	}
}

// streamSession is a session as the API answers it.
func streamSession(s ivs.Session, events []ivs.Event) (*ivsapi.StreamSession, error) {
	out := &ivsapi.StreamSession{
		StreamID:        new(s.StreamID),
		StartTime:       seconds(s.StartTime()),
		EndTime:         seconds(s.Ended),
		Channel:         new(snapshot(s.Channel)),
		TruncatedEvents: each(events, streamEvent),
	}
	if i := s.Ingest; i != nil {
		out.IngestConfiguration = ingestConfiguration(*i)
		out.IngestConfigurations = &ivsapi.IngestConfigurations{
			VideoConfigurations: each(i.Video, videoConfiguration),
			AudioConfigurations: each(i.Audio, audioConfiguration),
		}
	}
	if s.Recording != nil {
		// It was stored as the API names its members, and Go reads those into
		// fields of the same letters.
		out.RecordingConfiguration = new(ivsapi.RecordingConfiguration)
		if err := json.Unmarshal(s.Recording, out.RecordingConfiguration); err != nil {
			return nil, fmt.Errorf("read recording configuration of session %s: %w", s.StreamID, err)
		}
	}
	return out, nil
}

// streamEvent is an event as sessions answer it.
func streamEvent(e ivs.Event) ivsapi.StreamEvent {
	out := ivsapi.StreamEvent{Name: new(e.Name), Type: new(string(e.Type)), EventTime: seconds(e.At)}
	if e.Code != "" {
		out.Code = new(e.Code)
	}
	return out
}

// ingestConfiguration is the first track of each sort, in the older form.
func ingestConfiguration(i ivs.Ingest) *ivsapi.IngestConfiguration {
	out := new(ivsapi.IngestConfiguration)
	if len(i.Video) > 0 {
		v := videoConfiguration(i.Video[0])
		if strings.HasPrefix(i.Video[0].Codec, "avc") {
			v.AVCProfile, v.AVCLevel = v.Profile, v.Level
		}
		out.Video = &v
	}
	if len(i.Audio) > 0 {
		out.Audio = new(audioConfiguration(i.Audio[0]))
	}
	return out
}

func videoConfiguration(v ivs.VideoIngest) ivsapi.VideoConfiguration {
	return ivsapi.VideoConfiguration{
		Codec:           new(v.Codec),
		Encoder:         new(v.Encoder),
		TargetBitrate:   new(v.TargetBitrate),
		TargetFramerate: new(int64(v.TargetFramerate)),
		VideoHeight:     new(int64(v.Height)),
		VideoWidth:      new(int64(v.Width)),
		Level:           new(v.Level),
		Track:           new(v.Track),
		Profile:         new(v.Profile),
	}
}

func audioConfiguration(a ivs.AudioIngest) ivsapi.AudioConfiguration {
	return ivsapi.AudioConfiguration{
		Codec:         new(a.Codec),
		TargetBitrate: new(a.TargetBitrate),
		SampleRate:    new(int64(a.SampleRate)),
		Channels:      new(int64(a.Channels)),
		Track:         new(a.Track),
	}
}
