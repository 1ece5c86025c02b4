package srt

import (
	"net/url"
	"strings"

	"openivs/internal/ivs"
)

const (
	// maxStreamID is how long a stream id can be (SRT, 3.2.1.3).
	maxStreamID = 512

	// maxKey is how long a stream key may be; those that are issued are shorter.
	maxKey = 256

	// controlled is what the standard form of a stream id begins with (SRT Access
	// Control Guidelines), and what some encoders make of it that were given it as
	// part of a URL.
	controlled = "#!::"
	escaped    = "%23!::"
)

// parseStreamID finds the stream key, and what is said besides it, in a stream
// id: `KEY`, `KEY?name=value&…` as over RTMP, or `#!::u=KEY,name=value,…`. In the
// last form `r` may stand for `u`, as where there are no users.
func parseStreamID(id string) (ivs.Secret, url.Values, error) {
	if len(id) > maxStreamID {
		return "", nil, ivs.Errorf(ivs.Invalid, "the stream id has %d characters, at most %d are accepted", len(id), maxStreamID)
	}
	key, values, err := "", url.Values(nil), error(nil)
	if rest, ok := strings.CutPrefix(id, escaped); ok {
		id = controlled + rest
	}
	if rest, ok := strings.CutPrefix(id, controlled); ok {
		key, values, err = accessControl(rest)
	} else {
		var query string
		key, query, _ = strings.Cut(strings.Trim(id, "/"), "?")
		values, _ = url.ParseQuery(strings.ReplaceAll(query, "?", "&")) // what cannot be parsed is left out
	}
	if err != nil {
		return "", nil, err
	}
	key = key[strings.LastIndexByte(key, '/')+1:]
	switch {
	case key == "":
		return "", nil, ivs.Errorf(ivs.Invalid, "no stream key was sent; set the encoder's stream id to the channel's stream key")
	case len(key) > maxKey:
		return "", nil, ivs.Errorf(ivs.NotFound, "the stream key has %d characters; copy the channel's stream key again", len(key))
	}
	return ivs.Secret(key), values, nil
}

// accessControl reads `u=KEY,m=publish,…`. A mode other than publish is none that
// is served here.
func accessControl(s string) (key string, values url.Values, err error) {
	values = make(url.Values)
	resource := ""
	for field := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "u":
			key = value
		case "r":
			resource = value
		case "m":
			if value != "publish" && value != "" {
				return "", nil, ivs.Errorf(ivs.Invalid, "streams are published here, not played; play the channel's playback URL")
			}
		case "":
		default:
			values.Add(name, value)
		}
	}
	if key == "" {
		key = resource
	}
	return key, values, nil
}
