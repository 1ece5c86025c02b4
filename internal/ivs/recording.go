package ivs

import (
	"net/netip"
	"strings"
)

// A RecordingState says whether a recording configuration can be used
// (API: RecordingConfigurationState).
type RecordingState string

// The states. Only the first is ever left.
const (
	RecordingCreating     RecordingState = "CREATING"
	RecordingActive       RecordingState = "ACTIVE"
	RecordingCreateFailed RecordingState = "CREATE_FAILED"
)

// A RecordingConfiguration says where and how streams are recorded. Its JSON
// form is the API's own, and goes into the sessions that begin with it.
type RecordingConfiguration struct {
	ARN             ARN            `json:"arn"`
	Name            string         `json:"name"`
	Destination     Destination    `json:"destinationConfiguration"`
	State           RecordingState `json:"state"`
	Tags            Tags           `json:"tags"` // never nil in what the store returns
	Thumbnails      Thumbnails     `json:"thumbnailConfiguration"`
	ReconnectWindow int            `json:"recordingReconnectWindowSeconds"`
	Renditions      Renditions     `json:"renditionConfiguration"`
}

// A Destination is where recordings go (API: DestinationConfiguration).
type Destination struct {
	S3 S3Destination `json:"s3"`
}

// An S3Destination is a bucket (API: S3DestinationConfiguration).
type S3Destination struct {
	Bucket string `json:"bucketName"`
}

// Thumbnails say which pictures are kept (API: ThumbnailConfiguration).
type Thumbnails struct {
	Mode       ThumbnailMode `json:"recordingMode"`
	Interval   int           `json:"targetIntervalSeconds,omitempty"` // 0 unless Mode is INTERVAL
	Resolution string        `json:"resolution,omitempty"`            // "": the source's
	Storage    []string      `json:"storage,omitempty"`               // SEQUENTIAL, LATEST
}

// A ThumbnailMode says when pictures are kept (API: RecordingMode).
type ThumbnailMode string

// The thumbnail modes.
const (
	ThumbnailsDisabled ThumbnailMode = "DISABLED"
	ThumbnailsInterval ThumbnailMode = "INTERVAL"
)

// Renditions say which renditions are kept (API: RenditionConfiguration).
type Renditions struct {
	Selection RenditionSelection `json:"renditionSelection"`
	Only      []string           `json:"renditions,omitempty"` // nil unless Selection is CUSTOM
}

// A RenditionSelection is a choice of renditions
// (API: RenditionConfigurationRenditionSelection).
type RenditionSelection string

// The rendition selections.
const (
	AllRenditions    RenditionSelection = "ALL"
	NoRenditions     RenditionSelection = "NONE"
	CustomRenditions RenditionSelection = "CUSTOM"
)

const (
	defaultInterval = 60           // seconds between thumbnails
	defaultStorage  = "SEQUENTIAL" // of thumbnails
)

// Complete fills in the defaults of what was left open.
func (c *RecordingConfiguration) Complete() {
	t := &c.Thumbnails
	if t.Mode == "" {
		t.Mode = ThumbnailsInterval
	}
	if t.Mode == ThumbnailsInterval {
		if t.Interval == 0 {
			t.Interval = defaultInterval
		}
		if len(t.Storage) == 0 {
			t.Storage = []string{defaultStorage}
		}
	}
	if c.Renditions.Selection == "" {
		c.Renditions.Selection = AllRenditions
	}
	if c.Renditions.Selection != CustomRenditions {
		c.Renditions.Only = nil // they count only there
	}
}

// Validate checks the rules between members.
func (c *RecordingConfiguration) Validate() error {
	if err := validBucket(c.Destination.S3.Bucket); err != nil {
		return err
	}
	if c.Thumbnails.Mode == ThumbnailsDisabled && c.Thumbnails.Interval != 0 {
		return Errorf(Invalid, "thumbnailConfiguration.targetIntervalSeconds may be set only if recordingMode is INTERVAL")
	}
	if c.Renditions.Selection == CustomRenditions && len(c.Renditions.Only) == 0 {
		return Errorf(Invalid, "renditionConfiguration.renditions is required if renditionSelection is CUSTOM")
	}
	return nil
}

// validBucket checks what the model's pattern leaves open of the rules for the
// names of buckets (Amazon S3, bucket naming rules).
func validBucket(name string) error {
	const member = "destinationConfiguration.s3.bucketName"
	if name == "" {
		return Errorf(Invalid, "destinationConfiguration.s3 is a required attribute")
	}
	if strings.Trim(name, "-.") != name || strings.Contains(name, "..") {
		return Errorf(Invalid, "%s must begin and end with a letter or digit and have no two dots in a row", member)
	}
	if a, err := netip.ParseAddr(name); err == nil && a.Is4() {
		return Errorf(Invalid, "%s must not have the form of an IP address", member)
	}
	return nil
}
