package multitrack

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"openivs/internal/ivs"
)

// A request is what is needed of a request for a configuration (Amazon IVS
// Broadcast Software Integration, GetClientConfiguration). Encoders send more, and
// null for what they do not know.
type request struct {
	Authentication string `json:"authentication"`
	Client         struct {
		Name   string   `json:"name"`
		Codecs []string `json:"supported_codecs"`
	} `json:"client"`
	Capabilities struct {
		GPU []struct {
			Vendor number `json:"vendor_id"`
		} `json:"gpu"`
	} `json:"capabilities"`
	Preferences struct {
		canvas
		Bandwidth number   `json:"maximum_streaming_bandwidth"` // kbit/s
		Aggregate number   `json:"maximum_aggregate_bitrate"`   // the same, as OBS calls it
		Most      string   `json:"maximum_resolution"`
		Tracks    number   `json:"maximum_video_tracks"`
		GPU       number   `json:"composition_gpu_index"`
		Canvases  []canvas `json:"canvases"` // newer encoders have a list of pictures
	} `json:"preferences"`
}

// A canvas is a picture that an encoder has.
type canvas struct {
	Width     number `json:"width"`
	Height    number `json:"height"`
	Framerate struct {
		Numerator   number `json:"numerator"`
		Denominator number `json:"denominator"`
	} `json:"framerate"`
}

// A number is a whole number from 0 to maxNumber, however it is written. What is
// no such number is 0.
type number int

const maxNumber = 1 << 30

// UnmarshalJSON takes any value.
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil || math.IsNaN(v) || v < 0 || v > maxNumber {
		v = 0
	}
	*n = number(v)
	return nil
}

// parseRequest reads a request for a configuration.
func parseRequest(body []byte) (*request, error) {
	r := new(request)
	if err := json.Unmarshal(body, r); err != nil {
		return nil, ivs.Errorf(ivs.Invalid, "the body is no request for a client configuration: %w", err)
	}
	return r, nil
}

// key is the stream key, without what follows it.
func (r *request) key() ivs.Secret {
	key, _, _ := strings.Cut(r.Authentication, "?")
	return ivs.Secret(key)
}

// picture is that of the first canvas, where there is a list.
func (r *request) picture() canvas {
	if p := r.Preferences.canvas; p.Width > 0 || len(r.Preferences.Canvases) == 0 {
		return p
	}
	return r.Preferences.Canvases[0]
}

// wish is what the encoder would send to a channel that takes so much, or why it
// cannot be told.
func (r *request) wish(takes ivs.Multitrack) (Wish, error) {
	p := r.picture()
	if p.Width == 0 || p.Height == 0 || p.Width > maxEdge || p.Height > maxEdge {
		return Wish{}, ivs.Errorf(ivs.Invalid, "the encoder does not say how large its picture is")
	}
	rate := p.Framerate
	if !Frames(int(rate.Numerator), int(rate.Denominator)) {
		return Wish{}, ivs.Errorf(ivs.Invalid, "the frame rate is %d/%d: set the encoder to 24, 25, 30, 48, 50 or 60 whole frames a second", rate.Numerator, rate.Denominator)
	}
	hevc := !slices.Contains(r.Client.Codecs, "h264")
	if hevc && !slices.Contains(r.Client.Codecs, "h265") {
		return Wish{}, ivs.Errorf(ivs.Invalid, "the encoder has neither H.264 nor HEVC")
	}
	return Wish{
		Width: int(p.Width), Height: int(p.Height), Framerate: int(rate.Numerator), HEVC: hevc,
		Bitrate: int64(max(r.Preferences.Bandwidth, r.Preferences.Aggregate)) * kbps,
		Tracks:  int(r.Preferences.Tracks),
		Channel: lesser(takes, r.Preferences.Most),
	}, nil
}

// maxEdge is the longest edge of a picture that is believed.
const maxEdge = 1 << 14

// lesser is what a channel takes, if the encoder wants no more than a resolution.
func lesser(m ivs.Multitrack, most string) ivs.Multitrack {
	asked := ivs.Multitrack{MaximumResolution: most}
	_, edge := m.Largest()
	if _, other := asked.Largest(); other < edge {
		m.MaximumResolution = most
	}
	return m
}
