package multitrack

import (
	"html"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

const schema = "2024-06-04"

// An answer is the response of GetClientConfiguration.
type answer struct {
	Meta      meta       `json:"meta"`
	Status    *status    `json:"status,omitempty"`
	Endpoints []endpoint `json:"ingest_endpoints"`
	Encoders  []encoder  `json:"encoder_configurations"`
	Audio     struct {
		Live []audio `json:"live"`
		VOD  []audio `json:"vod"`
	} `json:"audio_configurations"`
}

type meta struct {
	ID      string `json:"config_id"`
	Schema  string `json:"schema_version"`
	Service string `json:"service"`
}

type status struct {
	Result string `json:"result"`
	HTML   string `json:"html_en_us"`
}

type endpoint struct {
	Protocol       string `json:"protocol"`
	URL            string `json:"url_template"`
	Authentication string `json:"authentication"`
}

type fraction struct {
	Numerator   int `json:"numerator"`
	Denominator int `json:"denominator"`
}

type encoder struct {
	Type      string   `json:"type"`
	Width     int      `json:"width"`
	Height    int      `json:"height"`
	Framerate fraction `json:"framerate"`
	Scale     string   `json:"gpu_scale_type"`
	Points    []int    `json:"bitrate_interpolation_points"`
	Settings  settings `json:"settings"`
}

type settings struct {
	B           int    `json:"bf"`
	Bidirected  bool   `json:"bframes"` // the same, as some encoders want it
	Bitrate     int64  `json:"bitrate"` // kbit/s
	KeyEvery    int    `json:"keyint_sec"`
	Lookahead   bool   `json:"lookahead"`
	Preset      string `json:"preset,omitempty"`
	Preset2     string `json:"preset2"`
	Profile     string `json:"profile"`
	PsychoAQ    bool   `json:"psycho_aq"`
	RateControl string `json:"rate_control"`
	Tune        string `json:"tune,omitempty"`
}

type audio struct {
	Channels int           `json:"channels"`
	Codec    string        `json:"codec"`
	Track    int           `json:"track_id"`
	Settings audioSettings `json:"settings"`
}

type audioSettings struct {
	Bitrate int `json:"bitrate"` // kbit/s
}

// refused is the answer of a request that gets no configuration. OBS shows the
// reason to its user.
func refused(id string, err error) answer {
	a := answer{
		Meta:      meta{id, schema, "IVS"},
		Status:    &status{"error", html.EscapeString(err.Error())},
		Endpoints: []endpoint{}, Encoders: []encoder{},
	}
	a.Audio.Live, a.Audio.VOD = []audio{}, []audio{}
	return a
}

// configured is the answer that has tracks.
func configured(id string, r *request, tracks []ivs.GrantedTrack, endpoints []endpoint) answer {
	a := answer{Meta: meta{id, schema, "IVS"}, Endpoints: endpoints, Encoders: make([]encoder, 0, len(tracks))}
	for _, t := range tracks {
		a.Encoders = append(a.Encoders, r.encoder(t))
	}
	a.Audio.Live = []audio{{Channels: 2, Codec: "aac", Track: 0, Settings: audioSettings{audioRate / kbps}}}
	a.Audio.VOD = []audio{}
	return a
}

// keyEvery is how many seconds keyframes are apart.
const keyEvery = 2

// encoder says how a track is to be encoded, in the words of OBS.
func (r *request) encoder(t ivs.GrantedTrack) encoder {
	e := encoder{
		Type: r.encoderType(t.Codec == string(media.HEVC)), Width: t.Width, Height: t.Height,
		Framerate: fraction{t.Framerate, 1}, Scale: "OBS_SCALE_BICUBIC", Points: []int{int(t.Bitrate / kbps)},
		Settings: settings{
			Bitrate: t.Bitrate / kbps, KeyEvery: keyEvery, Preset2: "p4", Profile: "high",
			PsychoAQ: true, RateControl: "CBR", Tune: "ll",
		},
	}
	if t.Codec == string(media.HEVC) {
		e.Settings.Profile = "main"
	}
	if e.Type == software {
		e.Settings.Preset, e.Settings.Tune = "veryfast", ""
	}
	return e
}

// software is what OBS calls its encoder that needs no hardware.
const software = "obs_x264"

// The makers of graphics processors, by their PCI ids.
const (
	nvidia = 0x10de
	amd    = 0x1002
	intel  = 0x8086
)

// encoderType is what OBS calls the encoder of the client's hardware. Clients that
// are not OBS know the documented two.
func (r *request) encoderType(hevc bool) string {
	names := [2]string{"jim_nvenc", "jim_hevc_nvenc"}
	if r.Client.Name == "obs-studio" {
		switch r.vendor() {
		case nvidia:
		case amd:
			names = [2]string{"h264_texture_amf", "h265_texture_amf"}
		case intel:
			names = [2]string{"obs_qsv11_v2", "obs_qsv11_hevc"}
		default:
			names[0] = software
		}
	}
	if hevc {
		return names[1]
	}
	return names[0]
}

// vendor is who made the graphics processor that the client composes with.
func (r *request) vendor() number {
	list, i := r.Capabilities.GPU, int(r.Preferences.GPU)
	switch {
	case i < len(list):
		return list[i].Vendor
	case len(list) > 0:
		return list[0].Vendor
	default:
		return 0
	}
}
