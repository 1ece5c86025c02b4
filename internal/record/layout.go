package record

import (
	"fmt"
	"strconv"
	"time"

	"openivs/internal/ivs"
)

// Names in a recording, below its prefix (Amazon IVS, Auto-Record to Amazon S3), beside
// those of package proof.
const (
	startedName = "events/recording-started.json"
	failedName  = "events/recording-failed.json"

	thumbnailsDir = "media/thumbnails"
	latestName    = "media/latest_thumbnail/thumb.jpg"
)

// idLength is how many characters the ids of a recording have.
const idLength = 12

// prefix is where a recording that begins at a time is in its bucket. Numbers are
// not padded.
func prefix(channel ivs.ARN, at time.Time, id string) string {
	at = at.UTC()
	return fmt.Sprintf("ivs/v1/%s/%s/%d/%d/%d/%d/%d/%s", channel.Account, channel.ID,
		at.Year(), int(at.Month()), at.Day(), at.Hour(), at.Minute(), id)
}

// mediaName and initName are names in the folder of a rendition.
func mediaName(n int, ext string) string { return strconv.Itoa(n) + ext }

func initName(n int) string { return "init-" + strconv.Itoa(n) + ".mp4" }
