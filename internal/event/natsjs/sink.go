// Package natsjs publishes events to streams of NATS JetStream.
//
// The streams are the operator's: one that takes the subjects must exist. When a
// message is tried again, and when it is given up, is up to package event.
package natsjs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"openivs/internal/event"
)

// defaultSubject is where events go: openivs.CHANNEL.TYPE.
const defaultSubject = "openivs"

// Options say which servers and which subjects.
type Options struct {
	URL         string // one or more, with commas between
	Credentials string // file of a user's JWT and seed; "": what the URL says
	Authorities string // file of certificates to trust; "": the system's
	Subject     string // the first words of subjects; "": openivs
}

// A Sink publishes. It connects with the first Send and again whenever the
// connection is gone.
type Sink struct {
	o Options

	mu   sync.Mutex
	conn *nats.Conn // nil: none yet
	js   jetstream.JetStream
}

// New returns a sink that has not connected yet.
func New(o Options) *Sink { return &Sink{o: o} }

// connect returns the connection, making it if there is none.
func (s *Sink) connect() (jetstream.JetStream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && !s.conn.IsClosed() {
		return s.js, nil
	}
	opts := []nats.Option{
		nats.Name("openivs"),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1), // a message that cannot be sent now is tried again by package event
	}
	if s.o.Credentials != "" {
		opts = append(opts, nats.UserCredentials(s.o.Credentials))
	}
	if s.o.Authorities != "" {
		opts = append(opts, nats.RootCAs(s.o.Authorities))
	}
	conn, err := nats.Connect(s.o.URL, opts...)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.conn, s.js = conn, js
	return js, nil
}

// Subject is where a message goes.
func (s *Sink) Subject(m event.Message) string {
	return cmp.Or(s.o.Subject, defaultSubject) + "." + m.ChannelID() + "." + event.ShortName(m.Type)
}

// Send publishes messages, each of another channel, and waits until a stream has
// each. The id of the event is that of the message, so that a stream keeps what
// comes twice only once.
func (s *Sink) Send(ctx context.Context, messages []event.Message) []error {
	js, err := s.connect()
	if err != nil {
		return slices.Repeat([]error{err}, len(messages))
	}
	errs := make([]error, len(messages))
	acks := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		out := nats.NewMsg(s.Subject(m))
		out.Data = m.Body
		out.Header.Set("Content-Type", "application/json")
		out.Header.Set("Openivs-Sequence", strconv.FormatInt(m.Seq, 10))
		out.Header.Set("Openivs-Position", strconv.FormatInt(m.Position, 10))
		acks[i], errs[i] = js.PublishMsgAsync(out, jetstream.WithMsgID(m.ID))
	}
	for i, ack := range acks {
		if errs[i] == nil {
			errs[i] = await(ctx, ack)
		}
	}
	return errs
}

func await(ctx context.Context, ack jetstream.PubAckFuture) error {
	select {
	case <-ack.Ok():
		return nil
	case err := <-ack.Err():
		if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
			return fmt.Errorf("no stream takes subject %s: %w", ack.Msg().Subject, err)
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close closes the connection.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
	}
	return nil
}
