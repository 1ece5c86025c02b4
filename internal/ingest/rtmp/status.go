package rtmp

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"openivs/internal/ivs"
)

// The codes of a status object. Encoders give up on BadName; after Failed they
// try again.
const (
	codeStart     = "NetStream.Publish.Start"
	codeBadName   = "NetStream.Publish.BadName"
	codeRejected  = "NetStream.Publish.Rejected"
	codeFailed    = "NetStream.Failed"
	codeUnpublish = "NetStream.Unpublish.Success"
	codeConnected = "NetConnection.Connect.Success"
)

// maxDescription is how many bytes of a description are sent.
const maxDescription = 1024

// errUnpublished ends a connection by the encoder's own wish.
var errUnpublished = errors.New("unpublished")

// A refusal is why a connection that asked to publish may not.
type refusal struct{ err error }

func (r *refusal) Error() string { return "publish: " + r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// A stop is a Publication's own wish that its publisher go.
type stop struct{ cause error }

func (s *stop) Error() string { return fmt.Sprintf("stopped: %v", s.cause) }
func (s *stop) Unwrap() error { return s.cause }

// ending returns what Publication.End is to be told of an error that ended a
// connection: nil if the encoder wanted it so.
func ending(err error) error {
	if errors.Is(err, errUnpublished) || errors.Is(err, io.EOF) {
		return nil
	}
	if s, ok := errors.AsType[*stop](err); ok {
		return s.cause
	}
	return err
}

// status returns what the peer is told of an error that ends its connection.
// What has no ivs.Code is ours and no business of the peer, unless it is the
// cause of a stop, which is meant for the streamer.
func status(err error) (code, description string) {
	e, coded := errors.AsType[*ivs.Error](err)
	coded = coded && e.Code != ivs.Internal
	if s, ok := errors.AsType[*stop](err); ok && !coded && s.cause != nil {
		return codeRejected, cut(s.cause.Error())
	}
	if !coded {
		return codeFailed, "internal error; try again"
	}
	if e.Code == ivs.Unavailable || e.Code == ivs.Throttled {
		return codeFailed, cut(e.Message)
	}
	if _, ok := errors.AsType[*refusal](err); ok {
		return codeBadName, cut(e.Message)
	}
	return codeRejected, cut(e.Message)
}

// cut shortens a description to what is sent.
func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxDescription)], "") }

// statusObject is what onStatus and the answer to connect carry.
func statusObject(level, code, description string) amf0.Object {
	return amf0.Object{
		{Key: "level", Value: level},
		{Key: "code", Value: code},
		{Key: "description", Value: description},
	}
}
