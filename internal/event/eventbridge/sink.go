// Package eventbridge puts events on a bus of Amazon EventBridge, or of a service
// that speaks its protocol.
//
// When a message is tried again, and when it is given up, is up to package event.
package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"openivs/internal/event"
)

// MaxEntries is how many events one call takes (Amazon EventBridge, PutEvents).
const MaxEntries = 10

// Options say which bus.
type Options struct {
	Region   string // required
	Endpoint string // URL; "": Amazon EventBridge in the region
	Bus      string // name or ARN; "": the default one
	// Credentials is a file of access keys in the form of ~/.aws/credentials; "":
	// wherever AWS programs look.
	Credentials string
	Source      string // of the entries; "": aws.ivs, which Amazon's own service lets nobody else use

	// Client sends the requests; nil: one of the SDK's. Tests set it.
	Client *http.Client
}

// A Sink is a bus.
type Sink struct {
	client *eventbridge.Client
	bus    *string
	source string
}

// Open reads the credentials, unless a file is given as every AWS program does:
// from the environment, from the shared files, from the machine's role. Nothing
// is sent yet.
func Open(ctx context.Context, o Options) (*Sink, error) {
	load := []func(*config.LoadOptions) error{config.WithRegion(o.Region)}
	if o.Credentials != "" {
		load = append(load, config.WithSharedCredentialsFiles([]string{o.Credentials}), config.WithSharedConfigProfile("default"))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	s := &Sink{source: o.Source}
	if s.source == "" {
		s.source = "aws.ivs"
	}
	if o.Bus != "" {
		s.bus = &o.Bus
	}
	s.client = eventbridge.NewFromConfig(cfg, func(e *eventbridge.Options) {
		e.RetryMaxAttempts = 1 // package event tries again
		if o.Endpoint != "" {
			e.BaseEndpoint = &o.Endpoint
		}
		if o.Client != nil {
			e.HTTPClient = o.Client
		}
	})
	return s, nil
}

// Send puts at most MaxEntries messages, each of another channel.
func (s *Sink) Send(ctx context.Context, messages []event.Message) []error {
	entries := make([]types.PutEventsRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.PutEventsRequestEntry{
			Detail: aws.String(string(m.Detail)), DetailType: aws.String(string(m.Type)), EventBusName: s.bus,
			Resources: m.Resources, Source: &s.source, Time: aws.Time(m.At),
		}
	}
	out, err := s.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return slices.Repeat([]error{whole(err)}, len(messages))
	}
	if out.FailedEntryCount == 0 {
		return nil
	}
	errs := make([]error, len(messages))
	for i := range messages {
		if i >= len(out.Entries) {
			errs[i] = errors.New("the answer does not say what became of the event")
			continue
		}
		errs[i] = entry(out.Entries[i])
	}
	return errs
}

// whole says what the failure of a call means: it is about all of its entries.
func whole(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if ok && api.ErrorCode() == "ValidationException" {
		return &event.RefusedError{Err: err, Final: true}
	}
	return err
}

// entry says what became of one entry.
func entry(e types.PutEventsResultEntry) error {
	if e.ErrorCode == nil {
		return nil
	}
	err := fmt.Errorf("%s: %s", aws.ToString(e.ErrorCode), aws.ToString(e.ErrorMessage))
	switch *e.ErrorCode {
	case "MalformedDetail", "InvalidArgument":
		return &event.RefusedError{Err: err, Final: true}
	default:
		return err
	}
}

// Close has nothing to let go of.
func (*Sink) Close() error { return nil }
