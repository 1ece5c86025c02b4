package pipeline

import (
	"openivs/internal/hls"
	"openivs/internal/ivs"
)

// container is what a channel's segments are written in.
func container(ch ivs.Channel) hls.Container {
	if ch.Container == ivs.FragmentedMP4 {
		return hls.MP4
	}
	return hls.TS
}

// delivery is how early a channel's viewers get at media.
func (b *Builder) delivery(ch ivs.Channel) hls.Delivery {
	switch {
	case ch.Latency == ivs.LatencyNormal:
		return hls.Whole
	case ch.Container == ivs.FragmentedMP4 || b.PartsInTS:
		return hls.Parts
	default:
		return hls.Ahead
	}
}
