package ivs

import (
	"net/url"
	"strings"
)

// A LatencyMode says how far behind live a viewer is (API: ChannelLatencyMode).
type LatencyMode string

// The latency modes.
const (
	LatencyLow    LatencyMode = "LOW"
	LatencyNormal LatencyMode = "NORMAL"
)

// A ChannelType says what is done to the picture (API: ChannelType).
type ChannelType string

// The channel types.
const (
	Basic      ChannelType = "BASIC"
	Standard   ChannelType = "STANDARD"
	AdvancedSD ChannelType = "ADVANCED_SD"
	AdvancedHD ChannelType = "ADVANCED_HD"
)

// Advanced reports whether every rendition of the type is transcoded.
func (t ChannelType) Advanced() bool { return t == AdvancedSD || t == AdvancedHD }

// A ContainerFormat is what segments are written in (API: ContainerFormat).
type ContainerFormat string

// The container formats.
const (
	TS            ContainerFormat = "TS"
	FragmentedMP4 ContainerFormat = "FRAGMENTED_MP4"
)

// A Channel is where one encoder publishes and many viewers watch.
type Channel struct {
	ARN             ARN             `json:"arn"`
	Name            string          `json:"name"`
	Latency         LatencyMode     `json:"latency"`
	Type            ChannelType     `json:"type"`
	Preset          string          `json:"preset"` // "" unless the type is advanced
	Container       ContainerFormat `json:"container"`
	Authorized      bool            `json:"authorized"`     // playback needs a token
	InsecureIngest  bool            `json:"insecureIngest"` // RTMP and plain SRT are let in too
	Multitrack      Multitrack      `json:"multitrack"`
	Recording       ARN             `json:"recording"`   // zero: none
	Restriction     ARN             `json:"restriction"` // zero: none
	AdConfiguration ARN             `json:"adConfiguration"`
	Tags            Tags            `json:"tags"` // never nil in what the store returns

	// SRTPassphrase is never part of a snapshot, hence not of the JSON form.
	SRTPassphrase Secret `json:"-"`
}

// Restricted reports whether not everybody may watch the channel.
func (c *Channel) Restricted() bool { return c.Authorized || c.Restriction != ARN{} }

// Multitrack says whether an encoder may send the renditions itself
// (API: MultitrackInputConfiguration).
type Multitrack struct {
	Enabled           bool   `json:"enabled"`
	Policy            string `json:"policy"`            // ALLOW or REQUIRE
	MaximumResolution string `json:"maximumResolution"` // SD, HD or FULL_HD
}

// A StreamKey lets an encoder publish to its channel.
type StreamKey struct {
	ARN     ARN
	Channel ARN
	Value   Secret
	Tags    Tags
}

const (
	streamKeyTail = 30 // characters of the last part of a stream key
	passphraseLen = 69 // as Amazon IVS issues; libsrt takes 10 to 79
)

// NewStreamKey makes a key for a channel.
func NewStreamKey(channel ARN, tags Tags) StreamKey {
	return StreamKey{
		ARN:     NewARN(channel.Region, channel.Account, KindStreamKey),
		Channel: channel,
		Value:   Secret("sk_" + channel.Region + "_" + RandomID(resourceID) + "_" + RandomID(streamKeyTail)),
		Tags:    tags,
	}
}

// NewPassphrase makes an SRT passphrase.
func NewPassphrase() Secret { return Secret(RandomID(passphraseLen)) }

// Addresses are what a server calls itself to the outside. They go into
// channels as they are answered, and into a session's snapshot.
type Addresses struct {
	Host     string // bare host for ingest, no scheme, no port
	Playback string // scheme://host[:port], no trailing slash
	Region   string
	Account  string // 12 digits
}

// PlaybackPath is the path of a channel's multivariant playlist, in the form
// that Amazon IVS uses.
func PlaybackPath(ch ARN) string {
	return "/api/video/v1/" + ch.Region + "." + ch.Account + ".channel." + ch.ID + ".m3u8"
}

// ParsePlaybackPath is the reverse of PlaybackPath.
func ParsePlaybackPath(path string) (ARN, bool) {
	name, ok := strings.CutPrefix(path, "/api/video/v1/")
	if !ok {
		return ARN{}, false
	}
	p := strings.Split(name, ".")
	if len(p) != 5 || p[2] != "channel" || p[4] != "m3u8" {
		return ARN{}, false
	}
	a, err := ParseARN(ARN{Service: "ivs", Region: p[0], Account: p[1], Kind: KindChannel, ID: p[3]}.String())
	return a, err == nil
}

// PlaybackURL is where a channel can be watched.
func (a Addresses) PlaybackURL(ch ARN) string {
	return strings.TrimSuffix(a.Playback, "/") + (&url.URL{Path: PlaybackPath(ch)}).EscapedPath()
}

// A Snapshot is a channel as it was when a session began. It holds no secret.
type Snapshot struct {
	Channel        Channel `json:"channel"`
	IngestEndpoint string  `json:"ingestEndpoint"`
	SRTEndpoint    string  `json:"srtEndpoint"`
	PlaybackURL    string  `json:"playbackUrl"`
}

// Snapshot freezes ch as it is now.
func (a Addresses) Snapshot(ch Channel) Snapshot {
	ch.SRTPassphrase = ""
	ch.Tags = ch.Tags.Clone()
	return Snapshot{Channel: ch, IngestEndpoint: a.Host, SRTEndpoint: a.Host, PlaybackURL: a.PlaybackURL(ch.ARN)}
}

// A ChannelFilter picks channels. At most one member may be set; the zero
// filter picks all.
type ChannelFilter struct {
	Name            *string // exact
	Recording       string  // ARN
	Restriction     string  // ARN
	AdConfiguration string  // ARN
}

// A Page is a piece of a list. Next is where the following page begins, 0 if
// this is the last.
type Page[T any] struct {
	Items []T
	Next  int64
}
