package record

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"openivs/internal/record/proof"
)

// The states that metadata tells of.
const (
	recordingStarted = "RECORDING_STARTED"
	recordingFailed  = "RECORDING_ENDED_WITH_FAILURE"
)

// A metadata is what the files in events say (Amazon IVS, Auto-Record to Amazon
// S3: JSON metadata files).
type metadata struct {
	Version   string   `json:"version"`
	Channel   string   `json:"channel_arn"`
	StartedAt string   `json:"recording_started_at"`
	EndedAt   string   `json:"recording_ended_at,omitempty"`
	Status    string   `json:"recording_status"`
	Message   string   `json:"recording_status_message,omitempty"`
	Media     contents `json:"media"`
}

type contents struct {
	HLS        hlsContents    `json:"hls"`
	Thumbnails *thumbContents `json:"thumbnails,omitempty"`
	Latest     *thumbContents `json:"latest_thumbnail,omitempty"`
}

type thumbContents struct {
	Path   string `json:"path"`
	Height int    `json:"resolution_height"`
	Width  int    `json:"resolution_width"`
}

type hlsContents struct {
	Duration   *int64        `json:"duration_ms,omitempty"`
	Path       string        `json:"path"`
	Playlist   string        `json:"playlist"`
	ByteRange  string        `json:"byte_range_playlist,omitempty"`
	Renditions []oneContents `json:"renditions"`
}

type oneContents struct {
	Path      string `json:"path"`
	Playlist  string `json:"playlist"`
	ByteRange string `json:"byte_range_playlist,omitempty"`
	Height    int    `json:"resolution_height,omitempty"`
	Width     int    `json:"resolution_width,omitempty"`
}

// metadata is one of the files in events.
func (rec *Recording) metadata(c condition, all []*listing, status string) ([]byte, error) {
	m := metadata{
		Version: "v1", Channel: rec.head.Channel.String(), Status: status,
		StartedAt: c.Started.UTC().Format(time.RFC3339),
		Media:     contents{HLS: hlsContents{Path: proof.MediaDir, Playlist: proof.MasterName, ByteRange: proof.RangesName, Renditions: []oneContents{}}},
	}
	if status != recordingStarted {
		m.EndedAt = c.Ended.UTC().Format(time.RFC3339)
		m.Media.HLS.Duration = new(rec.shelf.length())
	}
	if status == recordingFailed {
		m.Message, _, _ = strings.Cut(c.Failure, ":")
	}
	for _, l := range all {
		if status != recordingStarted && l.files == 0 {
			continue
		}
		m.Media.HLS.Renditions = append(m.Media.HLS.Renditions, oneContents{
			Path: l.folder.Name, Playlist: proof.PlaylistName, ByteRange: proof.PieceListName, Height: l.folder.Height, Width: l.folder.Width,
		})
	}
	storage := rec.head.Config.Thumbnails.Storage
	if c.Width > 0 && slices.Contains(storage, sequential) {
		m.Media.Thumbnails = &thumbContents{thumbnailsDir, c.Height, c.Width}
	}
	if c.Width > 0 && slices.Contains(storage, latest) {
		m.Media.Latest = &thumbContents{latestName, c.Height, c.Width}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("describe a recording: %w", err)
	}
	return b, nil
}
