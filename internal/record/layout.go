package record

import (
	"fmt"
	"strconv"
	"time"

	"openivs/internal/ivs"
)

// Names in a recording, below its prefix (Amazon IVS, Auto-Record to Amazon S3).
const (
	startedName  = "events/recording-started.json"
	endedName    = "events/recording-ended.json"
	failedName   = "events/recording-failed.json"
	manifestName = "media/manifest.json"

	thumbnailsDir = "media/thumbnails"
	latestName    = "media/latest_thumbnail/thumb.jpg"
	hlsDir        = "media/hls"
	masterName    = "master.m3u8"
	rangesName    = "byte-range-multivariant.m3u8" // of pieces
	playlistName  = "playlist.m3u8"
	pieceListName = "byte-range-variant.m3u8"
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
