package session

import (
	"context"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

// metadataOwner describes the metadata of PutMetadata to players, as Amazon IVS
// does.
const metadataOwner = "metadata.live-video.net"

// PutMetadata puts a payload into a channel's stream, where its pictures are
// now. It is ivs.NotLive if there is no stream to be watched.
func (r *Registry) PutMetadata(_ context.Context, channel ivs.ARN, payload ivs.Secret) error {
	r.mu.RLock()
	l := r.live[channel]
	shown := l != nil && l.shown != nil
	r.mu.RUnlock()
	if !shown || !l.put(id3Text(metadataOwner, string(payload))) {
		return ivs.Errorf(ivs.NotLive, "channel %s is not broadcasting", channel)
	}
	return nil
}

// put writes a tag into the session's media, and reports whether there still is
// any.
func (l *live) put(tag []byte) bool {
	l.feed.Lock()
	defer l.feed.Unlock()
	if l.end.Load() != nil {
		return false
	}
	u := media.Unit{Track: l.data, PTS: l.position, DTS: l.position, Key: true, At: time.Now(), Data: tag}
	if err := l.pipe.WriteUnit(u); err != nil {
		l.stop(err)
		return false
	}
	return true
}

// id3Text returns a tag that holds one text with a description (ID3v2.4.0, 3.1
// and 4.2.6).
func id3Text(description, value string) []byte {
	const headers = 10 + 10 // of the tag and of the frame
	n := 1 + len(description) + 1 + len(value)
	b := make([]byte, 0, headers+n)
	b = append(b, 'I', 'D', '3', 4, 0, 0)
	b = appendSyncSafe(b, 10+n)
	b = append(b, 'T', 'X', 'X', 'X')
	b = appendSyncSafe(b, n)
	b = append(b, 0, 0, 3) // no flags; UTF-8
	b = append(b, description...)
	b = append(b, 0)
	return append(b, value...)
}

// appendSyncSafe appends a size of four times seven bits (ID3v2.4.0, 6.2).
func appendSyncSafe(b []byte, n int) []byte {
	return append(b, byte(n>>21&0x7f), byte(n>>14&0x7f), byte(n>>7&0x7f), byte(n&0x7f))
}
