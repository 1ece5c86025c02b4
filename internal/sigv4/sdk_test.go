package sigv4_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/smithy-go"

	"openivs/internal/sigv4"
)

// serve answers {} to whoever signs well, and AWS's error to the rest.
func serve(t *testing.T) string {
	t.Helper()
	v := verifier()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read body: %v", err)
		}
		if _, err := v.Verify(r, body); err != nil {
			e, ok := errors.AsType[*sigv4.Error](err)
			if !ok {
				t.Errorf("Verify: %v", err)
				return
			}
			w.Header().Set("X-Amzn-Errortype", e.Name)
			w.WriteHeader(e.Status)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestSDKRequests(t *testing.T) {
	const arn = "arn:aws:ivs:us-west-2:123456789012:channel/abcdABCDefgh"
	calls := []struct {
		name string
		call func(*ivs.Client) error
	}{
		{"CreateChannel", func(c *ivs.Client) error {
			_, err := c.CreateChannel(t.Context(), &ivs.CreateChannelInput{Name: aws.String("x"), Tags: map[string]string{"ä ö": "b"}})
			return err
		}},
		{"CreateChannel of nothing", func(c *ivs.Client) error {
			_, err := c.CreateChannel(t.Context(), &ivs.CreateChannelInput{})
			return err
		}},
		{"TagResource", func(c *ivs.Client) error {
			_, err := c.TagResource(t.Context(), &ivs.TagResourceInput{ResourceArn: aws.String(arn), Tags: map[string]string{"k": "v"}})
			return err
		}},
		{"UntagResource with odd keys", func(c *ivs.Client) error {
			_, err := c.UntagResource(t.Context(), &ivs.UntagResourceInput{ResourceArn: aws.String(arn), TagKeys: []string{"k 1", "z/ü", "a", "a+b=c&d", "_.:/=+-@", "日本"}})
			return err
		}},
		{"ListTagsForResource", func(c *ivs.Client) error {
			_, err := c.ListTagsForResource(t.Context(), &ivs.ListTagsForResourceInput{ResourceArn: aws.String(arn)})
			return err
		}},
	}
	callers := []struct {
		name               string
		key, secret, token string
		region, want       string
	}{
		{"a known key", keyID, secret, "", "us-west-2", ""},
		{"a session", "TEMPORARY", secret, "token/1+2==", "us-west-2", ""},
		{"a session nobody knows", keyID, secret, "token", "us-west-2", "UnrecognizedClientException"},
		{"the wrong secret", keyID, "WRONG", "", "us-west-2", "InvalidSignatureException"},
		{"an unknown key", "AKIDOTHER", secret, "", "us-west-2", "UnrecognizedClientException"},
		{"another region", keyID, secret, "", "eu-west-1", "InvalidSignatureException"},
	}
	url := serve(t)
	for _, who := range callers {
		client := ivs.New(ivs.Options{
			Region:           who.region,
			BaseEndpoint:     aws.String(url),
			Credentials:      credentials.NewStaticCredentialsProvider(who.key, who.secret, who.token),
			RetryMaxAttempts: 1,
		})
		for _, c := range calls {
			t.Run(who.name+"/"+c.name, func(t *testing.T) {
				var code string
				err := c.call(client)
				if e, ok := errors.AsType[smithy.APIError](err); ok {
					code = e.ErrorCode()
				} else if err != nil {
					t.Fatal(err)
				}
				if code != who.want {
					t.Errorf("%s was answered %q, want %q (%v)", c.name, code, who.want, err)
				}
			})
		}
	}
}
