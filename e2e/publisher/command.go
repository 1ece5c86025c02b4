package publisher

import (
	"bytes"
	"encoding/binary"
)

// A command is what this publisher needs of a server's command message.
type command struct {
	name        string
	level       string
	code        string
	description string
}

// parseCommand finds the name, and the members of the information object
// wherever it stands.
func parseCommand(b []byte) command {
	return command{
		name:        textValue(b),
		level:       member(b, "level"),
		code:        member(b, "code"),
		description: member(b, "description"),
	}
}

// member returns the text of an object's member, or "".
func member(b []byte, name string) string {
	key := binary.BigEndian.AppendUint16(nil, uint16(len(name)))
	_, rest, ok := bytes.Cut(b, append(key, name...))
	if !ok {
		return ""
	}
	return textValue(rest)
}

// textValue reads an AMF string with its marker, or returns "".
func textValue(b []byte) string {
	if len(b) < 3 || b[0] != amfStringMark {
		return ""
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if len(b) < 3+n {
		return ""
	}
	return string(b[3 : 3+n])
}
