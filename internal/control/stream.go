package control

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// streamPage is how many streams a page has unless the caller says otherwise.
const streamPage = 100

// GetStream returns what is live on a channel.
func (p *Plane) GetStream(ctx context.Context, in *ivsapi.GetStreamInput) (*ivsapi.GetStreamOutput, error) {
	arn, err := p.own(ctx, "channelArn", in.ChannelARN, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	s, ok := p.Live.Stream(arn)
	if !ok {
		return nil, p.offline(ctx, arn)
	}
	return &ivsapi.GetStreamOutput{Stream: &ivsapi.Stream{
		ChannelARN:  new(s.Channel.String()),
		StreamID:    new(s.StreamID),
		PlaybackURL: new(s.PlaybackURL),
		StartTime:   seconds(s.Start),
		State:       new(ivsapi.StreamStateLive),
		Health:      new(ivsapi.StreamHealth(s.Health)),
		ViewerCount: p.viewers(arn),
	}}, nil
}

// offline is the error about a channel that is not broadcasting, or not there.
func (p *Plane) offline(ctx context.Context, arn ivs.ARN) error {
	if _, err := p.Store.Channel(ctx, arn); err != nil {
		return storeError(err, arn.String())
	}
	return offline(arn)
}

// offline is the error about a channel that is not broadcasting.
func offline(arn ivs.ARN) error {
	return ivs.Errorf(ivs.NotLive, "Channel: %s is not currently online", arn)
}

// ListStreams lists what is live, the newest first.
func (p *Plane) ListStreams(_ context.Context, in *ivsapi.ListStreamsInput) (*ivsapi.ListStreamsOutput, error) {
	health := healthFilter(in)
	l, err := p.list("ListStreams", in.NextToken, in.MaxResults, streamPage, string(health))
	if err != nil {
		return nil, err
	}
	streams := place(p.Live.Streams())
	begin := 0
	if l.after != 0 {
		begin, _ = slices.BinarySearchFunc(streams, l.after, func(s placed, after int64) int {
			return cmp.Compare(after, s.at)
		})
	}
	out := &ivsapi.ListStreamsOutput{Streams: []ivsapi.StreamSummary{}}
	for _, s := range streams[begin:] {
		switch {
		case health != "" && s.Health != health:
		case len(out.Streams) < l.limit:
			out.Streams = append(out.Streams, p.streamSummary(s.Stream))
		default:
			out.NextToken = p.next(l, s.at)
			return out, nil
		}
	}
	return out, nil
}

// healthFilter is the health that is asked for, "" if any is good.
func healthFilter(in *ivsapi.ListStreamsInput) ivs.Health {
	if in.FilterBy == nil {
		return ""
	}
	return ivs.Health(value(in.FilterBy.Health))
}

// A placed stream has its place in the list of streams, which does not change
// while others come and go.
type placed struct {
	ivs.Stream
	at int64 // greater is newer
}

// place sorts streams, the newest first. A place is the start in milliseconds,
// and in its low bits a hash that tells apart what started in the same one.
func place(streams []ivs.Stream) []placed {
	const hashBits = 20
	out := make([]placed, len(streams))
	for i, s := range streams {
		h := fnv.New32a()
		_, _ = h.Write([]byte(s.StreamID)) // never fails
		out[i] = placed{s, s.Start.UnixMilli()<<hashBits | int64(h.Sum32()>>(32-hashBits))}
	}
	slices.SortFunc(out, func(a, b placed) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.StreamID, b.StreamID))
	})
	return out
}

func (p *Plane) streamSummary(s ivs.Stream) ivsapi.StreamSummary {
	return ivsapi.StreamSummary{
		ChannelARN:  new(s.Channel.String()),
		StreamID:    new(s.StreamID),
		State:       new(ivsapi.StreamStateLive),
		Health:      new(ivsapi.StreamHealth(s.Health)),
		StartTime:   seconds(s.Start),
		ViewerCount: p.viewers(s.Channel),
	}
}

// viewers returns how many watch a channel, as the API answers it.
func (p *Plane) viewers(channel ivs.ARN) *int64 { return new(int64(p.Audience.Viewers(channel))) }

// StopStream disconnects a channel's encoder.
func (p *Plane) StopStream(ctx context.Context, in *ivsapi.StopStreamInput) (*ivsapi.StopStreamOutput, error) {
	arn, err := p.own(ctx, "channelArn", in.ChannelARN, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	err = p.Live.Stop(ctx, arn)
	if ivs.CodeOf(err) == ivs.NotLive {
		err = p.offline(ctx, arn)
	} else {
		err = storeError(err, "")
	}
	if ivs.CodeOf(err) == ivs.Unavailable {
		err = errors.Join(streamUnavailable(), err)
	}
	return nil, err
}

// seconds returns t as the API answers times, and nil if t has not happened.
func seconds(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Truncate(time.Second))
}
