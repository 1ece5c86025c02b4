package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
)

const (
	// maxUnadmittedMessage is how many bytes a message may have before publish
	// is accepted.
	maxUnadmittedMessage = 64 << 10

	// maxUnadmitted is how many bytes a peer may have sent, and have made us
	// set aside for what it has yet to send, before publish is accepted.
	maxUnadmitted = 256 << 10

	// maxMessage is how many bytes a message of a publisher may have, several
	// times the largest keyframe.
	maxMessage = 8 << 20

	// maxBuffered is how many bytes a publisher may have in messages that are
	// not complete.
	maxBuffered = 16 << 20

	// sentChunkSize is the chunk size of what we send. ffmpeg adopts it for what
	// it sends, which spares both sides work.
	sentChunkSize = 65536

	// windowSize is the acknowledgement window that we ask the peer for, in bytes.
	windowSize = 2500000
)

// The message types (Adobe RTMP 1.0, 5.4, 6.2 and 7.1).
const (
	typeSetChunkSize  = 1
	typeAbort         = 2
	typeAck           = 3
	typeUserControl   = 4
	typeWindowAckSize = 5
	typePeerBandwidth = 6
	typeAudio         = 8
	typeVideo         = 9
	typeDataAMF3      = 15
	typeCommandAMF3   = 17
	typeData          = 18
	typeCommand       = 20
	typeAggregate     = 22
)

// The user control events that are looked at or sent (Adobe RTMP 1.0, 7.1.7).
const (
	eventStreamEOF    = 1
	eventPingRequest  = 6
	eventPingResponse = 7
)

// The chunk streams of what we send.
const (
	chunksControl = 2
	chunksCommand = 3
	chunksStatus  = 5
)

var errAggregate = errors.New("aggregate message is cut off")

// A session is one RTMP connection after the handshake, without its socket: it
// is fed what came, and leaves what is to be sent in out.
type session struct {
	gate    ingest.Gate
	request ingest.Request // Protocol, Secure and Remote are set before the first feed
	chunks  chunkReader
	out     bytes.Buffer

	w         *rawmessage.Writer // writes to out
	connected bool
	app       string
	tcURL     string
	stream    uint32 // message stream id that publish came on
	pub       ingest.Publication
	media     demuxer
	meta      metadataReader

	received uint64 // bytes, the handshake included
	acked    uint64 // of them
	window   uint64 // how many to acknowledge at once; 0: none
}

// feed takes what arrived at a time. An error ends the connection.
func (s *session) feed(ctx context.Context, b []byte, at time.Time) error {
	s.received += uint64(len(b))
	for {
		if s.pub == nil {
			if s.received > maxUnadmitted {
				return ivs.Errorf(ivs.Invalid, "more than %d bytes came before publish", maxUnadmitted)
			}
			s.chunks.maxMessage = maxUnadmittedMessage
			s.chunks.maxBuffered = maxUnadmitted - int(s.received)
		}
		m, rest, done, err := s.chunks.read(b)
		if err != nil {
			return err
		}
		if !done {
			break
		}
		b = rest
		if err := s.message(ctx, m, at); err != nil {
			return err
		}
	}
	if s.window > 0 && s.received-s.acked >= s.window {
		s.acked = s.received
		return s.control(typeAck, uint32(s.received))
	}
	return nil
}

// message acts on one message. Unknown types are skipped.
func (s *session) message(ctx context.Context, m message, at time.Time) error {
	switch m.typ {
	case typeSetChunkSize, typeAbort, typeWindowAckSize, typeUserControl:
		return s.protocol(m)
	case typeCommandAMF3, typeCommand:
		return s.command(ctx, m, at)
	}
	if s.pub == nil {
		return nil
	}
	if m.typ == typeAggregate {
		return s.aggregate(m, at)
	}
	return s.tag(m, at)
}

// tag acts on what an FLV file may hold too.
func (s *session) tag(m message, at time.Time) error {
	switch m.typ {
	case typeAudio:
		return s.media.audioTag(m.body, m.ts, at)
	case typeVideo:
		return s.media.videoTag(m.body, m.ts, at)
	case typeDataAMF3, typeData:
		if d, changed := s.meta.read(amf0Of(m)); changed {
			s.pub.Declare(d)
		}
	}
	return nil
}

// protocol acts on what is about the connection itself.
func (s *session) protocol(m message) error {
	if m.typ == typeUserControl {
		if len(m.body) >= 6 && binary.BigEndian.Uint16(m.body) == eventPingRequest {
			return s.send(chunksControl, typeUserControl, 0, binary.BigEndian.AppendUint32([]byte{0, eventPingResponse}, binary.BigEndian.Uint32(m.body[2:])))
		}
		return nil
	}
	if len(m.body) < 4 {
		return ivs.Errorf(ivs.Invalid, "message of type %d with %d bytes", m.typ, len(m.body))
	}
	v := binary.BigEndian.Uint32(m.body)
	s.noteProtocol(m.typ, v)
	switch m.typ {
	case typeSetChunkSize:
		return s.chunks.setChunkSize(v)
	case typeAbort:
		return s.chunks.abort(int(v))
	case typeWindowAckSize:
		s.window = uint64(v)
	}
	return nil
}

// aggregate takes a message of several, each laid out like an FLV tag (Adobe
// RTMP 1.0, 7.1.6). Their timestamps count from that of the first, which is that
// of the whole.
func (s *session) aggregate(m message, at time.Time) error {
	const header, trailer = 11, 4
	var first uint32
	for b := m.body; len(b) > 0; {
		if len(b) < header || int(be24(b[1:])) > len(b)-header {
			return s.media.malformed(errAggregate)
		}
		end := header + int(be24(b[1:]))
		ts := be24(b[4:]) | uint32(b[7])<<24
		if len(b) == len(m.body) {
			first = ts
		}
		if err := s.tag(message{typ: b[0], ts: m.ts + ts - first, body: b[header:end:end]}, at); err != nil {
			return err
		}
		b = b[min(end+trailer, len(b)):]
	}
	return nil
}

// command acts on a command message. Unknown commands are skipped.
func (s *session) command(ctx context.Context, m message, at time.Time) error {
	c, err := parseCommand(amf0Of(m))
	if err != nil {
		return err
	}
	if !s.connected && c.name != "connect" {
		return ivs.Errorf(ivs.Invalid, "a command came before connect")
	}
	s.noteCommand(c)
	switch c.name {
	case "connect":
		return s.connect(c)
	case "releaseStream", "FCPublish":
		return s.result(c, nil)
	case "createStream":
		return s.result(c, float64(1))
	case "publish":
		if c.no {
			return s.unpublish()
		}
		return s.publish(ctx, m, c, at)
	case "FCUnpublish", "deleteStream", "closeStream":
		return s.unpublish()
	case "play", "play2":
		return &refusal{ivs.Errorf(ivs.Denied, "streams are published here, not played; play the channel's playback URL")}
	}
	return nil
}

// connect answers with nothing that simple clients do not know.
func (s *session) connect(c command) error {
	if s.connected {
		return ivs.Errorf(ivs.Invalid, "connect came twice")
	}
	s.connected, s.app, s.tcURL = true, c.app, c.tcURL
	if err := s.control(typeWindowAckSize, windowSize); err != nil {
		return err
	}
	const dynamic = 2 // limit type
	if err := s.send(chunksControl, typePeerBandwidth, 0, append(binary.BigEndian.AppendUint32(nil, windowSize), dynamic)); err != nil {
		return err
	}
	if err := s.control(typeSetChunkSize, sentChunkSize); err != nil {
		return err
	}
	s.w.SetChunkSize(sentChunkSize)
	info := statusObject("status", codeConnected, "Connection succeeded.")
	return s.sendAMF(chunksCommand, 0, amf0.Data{
		"_result", c.id,
		amf0.Object{{Key: "fmsVer", Value: "FMS/3,5,7,7009"}, {Key: "capabilities", Value: float64(31)}},
		append(info, amf0.ObjectEntry{Key: "objectEncoding", Value: float64(0)}),
	})
}

// publish asks the gate.
func (s *session) publish(ctx context.Context, m message, c command, at time.Time) error {
	if s.pub != nil {
		return ivs.Errorf(ivs.Invalid, "publish came twice")
	}
	s.stream = m.stream
	var err error
	s.request.Key, s.request.Query, err = streamKey(s.app, s.tcURL, c.text)
	if err != nil {
		return &refusal{err}
	}
	s.noteKey(c)
	pub, err := s.gate.Admit(ctx, s.request)
	if err != nil {
		return &refusal{err}
	}
	s.pub = pub
	s.media.out, s.media.heard = pub, at
	s.chunks.maxMessage, s.chunks.maxBuffered = maxMessage, maxBuffered
	return s.onStatus("status", codeStart, "Publishing.")
}

// unpublish ends the connection if it is publishing; before that some encoders
// tidy up.
func (s *session) unpublish() error {
	if s.pub == nil {
		return nil
	}
	return errUnpublished
}

// goodbye leaves in out what the peer is told of the error that ended the
// connection.
func (s *session) goodbye(err error) error {
	if !s.connected {
		return nil
	}
	if ending(err) == nil {
		return s.onStatus("status", codeUnpublish, "Unpublished.")
	}
	code, description := status(err)
	if err := s.onStatus("error", code, description); err != nil || s.pub == nil {
		return err
	}
	return s.send(chunksControl, typeUserControl, 0, binary.BigEndian.AppendUint32([]byte{0, eventStreamEOF}, s.stream))
}

// result answers a command, unless it has no transaction to answer to.
func (s *session) result(c command, value any) error {
	if c.id == 0 && c.name != "createStream" {
		return nil
	}
	return s.sendAMF(chunksCommand, 0, amf0.Data{"_result", c.id, nil, value})
}

func (s *session) onStatus(level, code, description string) error {
	return s.sendAMF(chunksStatus, s.stream, amf0.Data{"onStatus", float64(0), nil, statusObject(level, code, description)})
}

// control sends a protocol control message of one number.
func (s *session) control(typ byte, v uint32) error {
	return s.send(chunksControl, typ, 0, binary.BigEndian.AppendUint32(nil, v))
}

func (s *session) sendAMF(chunks byte, stream uint32, d amf0.Data) error {
	body, err := d.Marshal()
	if err != nil {
		return err
	}
	return s.send(chunks, typeCommand, stream, body)
}

func (s *session) send(chunks, typ byte, stream uint32, body []byte) error {
	if s.w == nil {
		s.w = rawmessage.NewWriter(&s.out, nil, false)
	}
	// The writer has the message stream id in the order of its wire bytes.
	stream = binary.LittleEndian.Uint32(binary.BigEndian.AppendUint32(nil, stream))
	return s.w.Write(&rawmessage.Message{ChunkStreamID: chunks, Type: typ, MessageStreamID: stream, Body: body})
}

// amf0Of returns the AMF 0 in a command or data message. The AMF 3 forms have a
// byte before it that says so.
func amf0Of(m message) []byte {
	if (m.typ == typeCommandAMF3 || m.typ == typeDataAMF3) && len(m.body) > 0 && m.body[0] == 0 {
		return m.body[1:]
	}
	return m.body
}
