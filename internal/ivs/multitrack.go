package ivs

// The codes of a Session Ended that are about an encoder which sends several
// pictures, or should.
const (
	MultitrackNotAllowed      = "MultitrackInputNotAllowed"
	MultitrackRequired        = "MultitrackInputRequired"
	MultitrackKeyInvalid      = "InvalidGetClientConfigurationStreamKey"
	MultitrackKeyRequired     = "GetClientConfigurationStreamKeyRequired"
	MultitrackTrackCount      = "InvalidMultitrackInputTrackCount"
	MultitrackMediaProperties = "InvalidMultitrackInputVideoTrackMediaProperties"
)

// RequireMultitrack is the policy of a channel that takes nothing but multitrack.
const RequireMultitrack = "REQUIRE"

// A GrantedTrack is how an encoder was told to encode one of its pictures.
type GrantedTrack struct {
	Width, Height int    // pixels
	Framerate     int    // per second
	Bitrate       int64  // bits per second
	Codec         string // h264 or hevc
}

// Largest returns the most pixels that a picture of the channel may have, and the
// most on an edge, if the encoder sends several.
func (m Multitrack) Largest() (pixels, edge int) {
	switch m.MaximumResolution {
	case "SD":
		return 864 * 480, 864
	case "HD":
		return 1280 * 720, 1280
	default:
		return 2_100_000, 1920
	}
}
