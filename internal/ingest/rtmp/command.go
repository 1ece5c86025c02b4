package rtmp

import (
	"net/url"
	"strings"

	"openivs/internal/ivs"
)

const (
	// maxKey is how long a stream key may be: one that carries a configuration is
	// the longest that is issued.
	maxKey = 2048

	// maxQuery is how long what follows the key may be.
	maxQuery = 4096
)

// A command is what is needed of a command message.
type command struct {
	name string
	id   float64 // of the transaction; 0: no answer is expected

	app, tcURL string // of connect
	flashVer   string // of connect: how the encoder calls itself
	text       string // the first argument, if it is text
	no         bool   // the first argument is false
}

// parseCommand reads a command message (Adobe RTMP 1.0, 7.2): a name, a
// transaction id, an object, and arguments.
func parseCommand(body []byte) (command, error) {
	var c command
	if len(body) > maxAMF {
		return c, ivs.Errorf(ivs.Invalid, "command of %d bytes, at most %d are accepted", len(body), maxAMF)
	}
	s := amfScanner{b: body}
	for {
		t, ok := s.next()
		if !ok {
			break
		}
		c.note(t)
	}
	if s.err != nil {
		return c, ivs.Errorf(ivs.Invalid, "command cannot be read: %w", s.err)
	}
	if c.name == "" {
		return c, ivs.Errorf(ivs.Invalid, "command has no name")
	}
	return c, nil
}

func (c *command) note(t amfToken) {
	switch {
	case t.arg == 0 && t.kind == amfText:
		c.name = string(t.text)
	case t.arg == 1 && t.kind == amfNumber:
		c.id = t.num
	case t.arg == 2 && t.depth == 1 && t.kind == amfText && string(t.key) == "app":
		c.app = string(t.text)
	case t.arg == 2 && t.depth == 1 && t.kind == amfText && string(t.key) == "tcUrl":
		c.tcURL = string(t.text)
	case t.arg == 2 && t.depth == 1 && t.kind == amfText && string(t.key) == "flashVer":
		c.flashVer = string(t.text)
	case t.arg == 3 && t.depth == 0 && t.kind == amfText:
		c.text = string(t.text)
	case t.arg == 3 && t.depth == 0 && t.kind == amfBool:
		c.no = t.num == 0
	}
}

// streamKey finds the stream key and the query in what connect and publish said.
// The key is the last part of the name; where there is no name, of what follows
// the application in app or tcUrl. The first `?` begins the query, any further
// one counts as `&`. Queries of app and tcUrl are added to the name's.
func streamKey(app, tcURL, name string) (ivs.Secret, url.Values, error) {
	key, query := splitQuery(name)
	for _, s := range [...]string{app, afterHost(tcURL)} {
		path, q := splitQuery(s)
		if key == "" {
			if _, inApp, ok := strings.Cut(path, "/"); ok {
				key = inApp
			}
		}
		if q != "" {
			query += "&" + q
		}
	}
	key = key[strings.LastIndexByte(key, '/')+1:]
	switch {
	case key == "":
		return "", nil, ivs.Errorf(ivs.Invalid, "no stream key was sent; enter the channel's stream key in the encoder")
	case len(key) > maxKey:
		return "", nil, ivs.Errorf(ivs.NotFound, "the stream key has %d characters; copy the channel's stream key again", len(key))
	case len(query) > maxQuery:
		return "", nil, ivs.Errorf(ivs.Invalid, "what follows the stream key has %d characters, at most %d are accepted", len(query), maxQuery)
	}
	values, _ := url.ParseQuery(query) // what cannot be parsed is left out
	return ivs.Secret(key), values, nil
}

// splitQuery cuts s at its first question mark, and trims slashes off the path.
func splitQuery(s string) (path, query string) {
	path, query, _ = strings.Cut(s, "?")
	return strings.Trim(path, "/"), strings.ReplaceAll(query, "?", "&")
}

// afterHost returns the part of a URL behind the host.
func afterHost(s string) string {
	_, s, _ = strings.Cut(s, "://")
	_, s, _ = strings.Cut(s, "/")
	return s
}
