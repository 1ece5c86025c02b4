// Package multitrack is what encoders that send several pictures of one scene are
// told, and held to: the configuration they ask for before they publish, the
// stream key that carries it, and whether what they send is what it says.
//
// It carries no media (package pipeline does) and lets nobody in (package session).
package multitrack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"openivs/internal/ivs"
)

const (
	// KeyLife is how long a key that carries a configuration is good.
	KeyLife = 48 * time.Hour

	// MaxTracks is how many pictures an encoder may be told to send.
	MaxTracks = 8

	// maxKey is how many bytes a key may have that is looked into: more than one
	// with MaxTracks has.
	maxKey = 2048

	// aheadOf is how much later than now a key may say it was made, for the
	// clock of a server that was set back.
	aheadOf = 5 * time.Minute

	keyVersion = "v1"
)

// Keys signs stream keys that carry a configuration, and opens them.
type Keys struct {
	Secret []byte // required
}

// A payload is the configuration in a key.
type payload struct {
	Version int     `json:"v"`
	Total   int64   `json:"b"` // kbit/s of all tracks
	Tracks  []keyed `json:"t"`
}

// A keyed track is one of a payload.
type keyed struct {
	Width     int    `json:"w"`
	Height    int    `json:"h"`
	Bitrate   int64  `json:"b"` // kbit/s
	Framerate int    `json:"f"`
	Codec     string `json:"c"`
}

// Sign returns a key that opens what plain opens, and says how the encoder was
// told to encode: v1, a MAC, the time, the configuration and plain, joined by
// underscores (Amazon IVS, integration of multitrack video in software).
func (k Keys) Sign(plain ivs.Secret, tracks []ivs.GrantedTrack, now time.Time) (ivs.Secret, error) {
	p := payload{Tracks: make([]keyed, 0, len(tracks))}
	for _, t := range tracks {
		p.Total += t.Bitrate / kbps
		p.Tracks = append(p.Tracks, keyed{t.Width, t.Height, t.Bitrate / kbps, t.Framerate, t.Codec})
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode a configuration: %w", err)
	}
	said := strconv.FormatInt(now.Unix(), 16) + "_" + hex.EncodeToString(text) + "_" + string(plain)
	return ivs.Secret(keyVersion + "_" + hex.EncodeToString(k.mac(said)) + "_" + said), nil
}

func (k Keys) mac(said string) []byte {
	h := hmac.New(sha256.New, k.Secret)
	h.Write([]byte(said))
	return h.Sum(nil)
}

// Open returns the stream key in a key, and the tracks that it says, or nil if it
// carries none. A key that carries some and is not good is an error; plain is then
// what it claims, if that can be told.
func (k Keys) Open(key ivs.Secret, now time.Time) (plain ivs.Secret, tracks []ivs.GrantedTrack, err error) {
	if !strings.HasPrefix(string(key), keyVersion+"_") {
		return key, nil, nil
	}
	part := strings.SplitN(string(key), "_", 5)
	if len(part) != 5 || len(key) > maxKey {
		return "", nil, fmt.Errorf("the key is damaged")
	}
	plain = ivs.Secret(part[4])
	mac, err := hex.DecodeString(part[1])
	if err != nil || !hmac.Equal(mac, k.mac(strings.Join(part[2:], "_"))) {
		return plain, nil, fmt.Errorf("the key is not one that was issued here")
	}
	made, err := strconv.ParseInt(part[2], 16, 64)
	if err != nil {
		return plain, nil, fmt.Errorf("the key has no time")
	}
	if age := now.Sub(time.Unix(made, 0)); age > KeyLife || age < -aheadOf {
		return plain, nil, fmt.Errorf("the key has expired")
	}
	tracks, err = parsePayload(part[3])
	return plain, tracks, err
}

// parsePayload reads the configuration of a key whose MAC is good.
func parsePayload(digits string) ([]ivs.GrantedTrack, error) {
	text, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("the key's configuration: %w", err)
	}
	var p payload
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("the key's configuration: %w", err)
	}
	if len(p.Tracks) == 0 || len(p.Tracks) > MaxTracks {
		return nil, fmt.Errorf("the key's configuration has %d tracks", len(p.Tracks))
	}
	tracks := make([]ivs.GrantedTrack, 0, len(p.Tracks))
	for _, t := range p.Tracks {
		tracks = append(tracks, ivs.GrantedTrack{Width: t.Width, Height: t.Height, Framerate: t.Framerate, Bitrate: t.Bitrate * kbps, Codec: t.Codec})
	}
	return tracks, nil
}
