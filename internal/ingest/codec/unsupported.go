package codec

import "openivs/internal/ivs"

// UnsupportedVideo tells a streamer that video is not taken, by the name of what
// it is.
func UnsupportedVideo(name string) error {
	return ivs.Errorf(ivs.Invalid, "the video is %s, which is not taken here; set the encoder to H.264 (AVC)", name)
}

// UnsupportedAudio is UnsupportedVideo for audio.
func UnsupportedAudio(name string) error {
	return ivs.Errorf(ivs.Invalid, "the audio is %s, which is not taken here; set the encoder to AAC-LC", name)
}
