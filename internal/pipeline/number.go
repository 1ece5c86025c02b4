package pipeline

import (
	"cmp"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
)

// reserved is how many media sequence numbers each stream has: more than one
// each second for as long as a stream may last.
const reserved = 1 << 18

// position returns where the numbers of a channel's next stream begin. They
// follow those of the last stream; those of an earlier server are left out, used
// or not, and some more, which stand for what its viewers missed.
func (b *Builder) position(channel ivs.ARN) (hls.Position, error) {
	b.mu.Lock()
	at, known := b.numbers[channel]
	if _, live := b.channels[channel]; live {
		at.MSN, at.Discontinuities, at.Gap = at.Limit, at.Limit, 0 // the stream may still use those
	}
	b.mu.Unlock()
	if b.Reserve == nil {
		at.Limit = at.MSN + reserved
	} else if !known || at.Limit-at.MSN < reserved {
		first, target, err := b.Reserve(channel, 2*reserved) // so that most streams need not ask
		if err != nil {
			return hls.Position{}, err
		}
		if first != at.Limit {
			at.MSN, at.Discontinuities, at.Gap = first+hls.MaxGap, first, hls.MaxGap // never more breaks than numbers
		}
		at.Limit = first + 2*reserved
		at.Target = cmp.Or(at.Target, target)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.numbers == nil {
		b.numbers = make(map[ivs.ARN]hls.Position)
	}
	b.numbers[channel] = at
	return at, nil
}

// goesOn notes where a stream that ended has left the numbers of its channel, and
// returns how long segments are if that is news. The caller has mu.
func (b *Builder) goesOn(channel ivs.ARN, next hls.Position) (learned time.Duration) {
	at := b.numbers[channel]
	if next.MSN <= at.MSN || next.MSN > at.Limit {
		return 0 // nothing was published, or a newer stream has the channel
	}
	at.MSN, at.Discontinuities, at.Gap = next.MSN, next.Discontinuities, 0
	if next.Target > 0 && next.Target != at.Target {
		at.Target, learned = next.Target, next.Target
	}
	b.numbers[channel] = at
	return learned
}
