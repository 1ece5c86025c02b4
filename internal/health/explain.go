package health

import (
	"fmt"

	"openivs/internal/ivs"
)

// An Explanation says in plain language what a cause is and what to do about it.
type Explanation struct {
	Text   string
	Remedy string
}

// Explain returns the explanation of a cause, with its numbers.
func Explain(c ivs.Cause) Explanation {
	percent := func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }
	switch c.Code {
	case ivs.KeyframesFar:
		return Explanation{
			fmt.Sprintf("Keyframes came %.1f s apart. Players start, seek and switch only at keyframes, and segments become that long.", c.Measured),
			"Set the encoder's keyframe interval (GOP) to 2 seconds, and turn scene-cut keyframes off.",
		}
	case ivs.KeyframesUneven:
		return Explanation{
			fmt.Sprintf("Keyframes came unevenly: the longest interval was %.1f times the shortest. Segments differ in length by as much.", c.Measured),
			"Set a fixed keyframe interval of 2 seconds, and turn scene-cut detection off (x264: scenecut=0).",
		}
	case ivs.BitrateOff:
		return Explanation{
			fmt.Sprintf("The encoder sent %s of the bitrate it declared, over 30 seconds.", percent(c.Measured)),
			"Set the encoder to constant bitrate (CBR), or declare the bitrate it really has.",
		}
	case ivs.BitrateSwings:
		return Explanation{
			fmt.Sprintf("The bitrate swung: one second had %.1f times the average of 30. Viewers whose network just carries the average stall in such seconds.", c.Measured),
			"Use constant bitrate (CBR) with a buffer of one to two seconds (x264: nal-hrd=cbr, bufsize at most twice the bitrate).",
		}
	case ivs.FramerateDrops:
		return Explanation{
			fmt.Sprintf("The encoder sent %s of the pictures per second it declared.", percent(c.Measured)),
			"The encoding machine is too slow or its source drops pictures: lower the resolution, frame rate or preset.",
		}
	case ivs.AudioGaps:
		return Explanation{
			fmt.Sprintf("Audio was missing for %.2f s. Viewers hear a gap, and some players stall.", c.Measured),
			"Look for a device that falls silent or a mixer that pauses; send silence instead of nothing.",
		}
	case ivs.AudioDrifts:
		return Explanation{
			fmt.Sprintf("Audio moved by %+.2f s against the pictures since the stream began.", c.Measured),
			"Audio and video run on different clocks: use one capture device for both, or let the encoder resample the audio.",
		}
	case ivs.TimestampJumps:
		return Explanation{
			fmt.Sprintf("The encoder's clock jumped by %+.2f s. Each jump is a discontinuity for viewers.", c.Measured),
			"Let the encoder make timestamps of its own; do not join files or sources with clocks of their own.",
		}
	case ivs.ReorderedInLow:
		return Explanation{
			fmt.Sprintf("%.0f pictures a second came in another order than they are shown (B-frames), on a channel of low latency. They add their reordering to the delay.", c.Measured),
			"Turn B-frames off (x264: bframes=0 or tune=zerolatency), or set the channel's latencyMode to NORMAL.",
		}
	case ivs.Renditionless:
		return Explanation{
			fmt.Sprintf("Viewers had %.0f of the %.0f renditions that the channel's type has. Those on slow networks could not switch down.", c.Measured, c.Limit),
			"Renditions are made by ffmpeg on the server: openivs doctor says whether it can be used, the server's log why it failed or that there were no cores left.",
		}
	default:
		return Explanation{Text: string(c.Code)}
	}
}
