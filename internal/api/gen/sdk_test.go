package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
)

// client is the AWS SDK for Go, pointed at h.
func client(t *testing.T, h http.Handler) *ivs.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return ivs.New(ivs.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(s.URL),
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		}),
	})
}

// TestSDKReadsEveryMember sends every operation with every member, and looks
// whether the SDK finds every member in the answer.
func TestSDKReadsEveryMember(t *testing.T) {
	m := model(t)
	c := reflect.ValueOf(client(t, serve(answers{full: true})))
	for _, name := range m.Operations.Names {
		method := c.MethodByName(name)
		if !method.IsValid() {
			continue // newer than the SDK
		}
		t.Run(name, func(t *testing.T) {
			op, _ := m.Operations.Get(name)
			b, err := json.Marshal(valid(m, op.Input))
			if err != nil {
				t.Fatal(err)
			}
			in := reflect.New(method.Type().In(1).Elem())
			if err := json.Unmarshal(b, in.Interface()); err != nil { // names differ in case only
				t.Fatal(err)
			}
			out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
			if err, _ := reflect.TypeAssert[error](out[1]); err != nil {
				t.Fatalf("%s(%s): %v", name, b, err)
			}
			everything(t, name, out[0].Elem())
		})
	}
}

// everything fails where something in v is zero.
func everything(t *testing.T, at string, v reflect.Value) {
	t.Helper()
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[middleware.Metadata]() || v.NumField() > 0 && !v.Type().Field(0).IsExported() && v.Type().Name() == "Time" {
			return
		}
		for f, e := range v.Fields() {
			if f.IsExported() {
				everything(t, at+"."+f.Name, e)
			}
		}
	case reflect.Slice:
		if v.Len() != 2 {
			t.Errorf("%s has %d elements, want 2", at, v.Len())
			return
		}
		everything(t, at+"[0]", v.Index(0))
		everything(t, at+"[1]", v.Index(1))
	default:
		if v.IsZero() {
			t.Errorf("%s is missing", at)
		}
	}
}

// failing is a Service of which those operations fail that have each fault.
type failing struct {
	answers
	err error
}

func (f failing) StopStream(context.Context, *ivsapi.StopStreamInput) (*ivsapi.StopStreamOutput, error) {
	return nil, f.err
}

func (f failing) InsertAdBreak(context.Context, *ivsapi.InsertAdBreakInput) (*ivsapi.InsertAdBreakOutput, error) {
	return nil, f.err
}

func (f failing) CreateStreamKey(context.Context, *ivsapi.CreateStreamKeyInput) (*ivsapi.CreateStreamKeyOutput, error) {
	return nil, f.err
}

func (f failing) BatchGetChannel(context.Context, *ivsapi.BatchGetChannelInput) (*ivsapi.BatchGetChannelOutput, error) {
	return nil, f.err
}

func TestSDKReadsFaults(t *testing.T) {
	channel := aws.String("arn:aws:ivs:us-east-1:123456789012:channel/abcdABCDefgh")
	stop := func(c *ivs.Client) error {
		_, err := c.StopStream(t.Context(), &ivs.StopStreamInput{ChannelArn: channel})
		return err
	}
	insert := func(c *ivs.Client) error {
		_, err := c.InsertAdBreak(t.Context(), &ivs.InsertAdBreakInput{ChannelArn: channel, DurationSeconds: aws.Int32(30)})
		return err
	}
	create := func(c *ivs.Client) error {
		_, err := c.CreateStreamKey(t.Context(), &ivs.CreateStreamKeyInput{ChannelArn: channel})
		return err
	}
	get := func(c *ivs.Client) error {
		_, err := c.BatchGetChannel(t.Context(), &ivs.BatchGetChannelInput{Arns: []string{*channel}})
		return err
	}
	for _, tt := range []struct {
		fault restjson.Fault
		want  error
		call  func(c *ivs.Client) error
	}{
		{ivsapi.ValidationException("the reason"), new(types.ValidationException), stop},
		{ivsapi.ResourceNotFoundException("the reason"), new(types.ResourceNotFoundException), stop},
		{ivsapi.ChannelNotBroadcasting("the reason"), new(types.ChannelNotBroadcasting), stop},
		{ivsapi.AccessDeniedException("the reason"), new(types.AccessDeniedException), stop},
		{ivsapi.StreamUnavailable("the reason"), new(types.StreamUnavailable), stop},
		{ivsapi.ConflictException("the reason"), new(types.ConflictException), insert},
		{ivsapi.InternalServerException("the reason"), new(types.InternalServerException), insert},
		{ivsapi.ThrottlingException("the reason"), new(types.ThrottlingException), insert},
		{ivsapi.PendingVerification("the reason"), new(types.PendingVerification), create},
		{ivsapi.ServiceQuotaExceededException("the reason"), new(types.ServiceQuotaExceededException), create},
		{ivsapi.ServiceUnavailable("the reason"), new(types.ServiceUnavailable), get},
	} {
		err := tt.call(client(t, serve(failing{err: tt.fault})))
		target := reflect.New(reflect.TypeOf(tt.want))
		if !errors.As(err, target.Interface()) {
			t.Errorf("%s: the SDK says %v, want %T", tt.fault.Name, err, tt.want)
			continue
		}
		got := target.Elem().Elem().FieldByName("ExceptionMessage").Elem().String()
		api, ok := errors.AsType[smithy.APIError](err)
		if got != "the reason" || !ok || api.ErrorCode() != tt.fault.Name {
			t.Errorf("%s: the SDK reads %q, %v", tt.fault.Name, got, err)
		}
	}
}
