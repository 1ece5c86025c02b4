// Package proof has the manifest of a recording, which says what was written, and
// compares a recording with it.
//
// It does not know how recordings are made, nor where they are.
package proof

import "time"

// Names in a recording, below its prefix (Amazon IVS, Auto-Record to Amazon S3), and
// what the metadata of one that ended says of it. The manifest is ours.
const (
	Name          = "media/manifest.json"
	EndedName     = "events/recording-ended.json"
	MediaDir      = "media/hls"
	PlaylistName  = "playlist.m3u8"
	PieceListName = "byte-range-variant.m3u8"
	MasterName    = "master.m3u8"
	RangesName    = "byte-range-multivariant.m3u8" // of pieces
	EndedStatus   = "RECORDING_ENDED"
)

// Version is that of the form of manifests (docs/operate/recording.md).
const Version = "1"

// A Head is the first line of a manifest.
type Head struct {
	Version  string    `json:"version"`
	Channel  string    `json:"channel"`
	Streams  []string  `json:"streams"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	Failure  string    `json:"failure,omitempty"`
	Duration int64     `json:"durationMilliseconds"`
}

// An Init is an initialization segment.
type Init struct {
	URI    string `json:"uri"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// A Segment is a segment of a rendition.
type Segment struct {
	Sequence      int     `json:"sequence"`
	URI           string  `json:"uri"`
	Duration      float64 `json:"duration"` // seconds
	Bytes         int64   `json:"bytes"`
	SHA256        string  `json:"sha256"`
	Pieces        int     `json:"pieces"`
	Discontinuity bool    `json:"discontinuity,omitempty"`
}
