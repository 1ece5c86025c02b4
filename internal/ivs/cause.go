package ivs

import "time"

// A Cause is something that an encoder or this server did, or did not, which viewers
// of a stream notice or may come to. Amazon IVS has no such thing.
type Cause struct {
	Code     CauseCode `json:"code"`
	First    time.Time `json:"first"`    // when it was seen first
	Last     time.Time `json:"last"`     // and last
	Seconds  int64     `json:"seconds"`  // in how many seconds of the stream it was seen
	Measured float64   `json:"measured"` // the worst of it; the code says what
	Limit    float64   `json:"limit"`    // where it begins, in the same unit
}

// A CauseCode names a kind of Cause.
type CauseCode string

// The causes, and what is measured of each.
const (
	KeyframesFar    CauseCode = "KeyframeIntervalLong"   // seconds from one keyframe to the next
	KeyframesUneven CauseCode = "KeyframeIntervalUneven" // the longest interval of the last eight, as a multiple of the shortest
	BitrateOff      CauseCode = "BitrateOffTarget"       // average over 30 s, as a multiple of what the encoder declared
	BitrateSwings   CauseCode = "BitrateSwings"          // the highest second of the last 30, as a multiple of their average
	FramerateDrops  CauseCode = "FramerateDrops"         // pictures per second, as a multiple of what the encoder declared
	AudioGaps       CauseCode = "AudioGaps"              // seconds without audio
	AudioDrifts     CauseCode = "AudioVideoDrift"        // seconds that audio moved against the pictures
	TimestampJumps  CauseCode = "TimestampJumps"         // seconds that the encoder's clock jumped
	ReorderedInLow  CauseCode = "BFramesInLowLatency"    // pictures a second that are shown in another order than they come in
	Renditionless   CauseCode = "RenditionsMissing"      // renditions that can be watched; the limit is how many the channel's type has
)
