package codec

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

// The sampling rates that AAC has an index for lie between these, in Hz.
const (
	minSampleRate = 7350
	maxSampleRate = 96000
)

// AAC makes a track of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
// Of HE-AAC it describes the AAC-LC core, which is what the units hold.
func AAC(config []byte) (*media.Track, error) {
	sound, err := parseAudioConfig(config)
	if err != nil {
		return nil, ivs.Errorf(ivs.Invalid, "the audio cannot be read: %w; set the encoder to AAC-LC, mono or stereo", err)
	}
	return &media.Track{Kind: media.Audio, Codec: media.AAC, Config: config, Sound: sound}, nil
}

func parseAudioConfig(config []byte) (media.Sound, error) {
	if len(config) > MaxConfig {
		return media.Sound{}, fmt.Errorf("configuration of %d bytes, at most %d are possible", len(config), MaxConfig)
	}
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(config); err != nil {
		return media.Sound{}, fmt.Errorf("audio configuration: %w", err)
	}
	if c.SampleRate < minSampleRate || c.SampleRate > maxSampleRate {
		return media.Sound{}, fmt.Errorf("sampling rate of %d Hz", c.SampleRate)
	}
	channels := int(c.ChannelConfig)
	switch channels {
	case 0:
		return media.Sound{}, fmt.Errorf("channel layout that only the stream describes")
	case 7:
		channels = 8
	}
	return media.Sound{ObjectType: int(c.Type), SampleRate: c.SampleRate, Channels: channels}, nil
}
