package restjson_test

import (
	"errors"
	"math"
	"regexp"
	"testing"

	"openivs/internal/api/restjson"
)

var legalToken = regexp.MustCompile(`^[a-zA-Z0-9+/=_-]+$`)

func TestPageTokens(t *testing.T) {
	tokens := restjson.PageTokens{Key: []byte("a key")}
	for _, position := range []int64{1, 100, math.MaxInt64, -1, math.MinInt64} {
		token := tokens.Encode("ListChannels", []string{"name", "a"}, position)
		if token == nil || len(*token) > 1024 || !legalToken.MatchString(*token) {
			t.Fatalf("Encode(%d) is not what the API allows", position)
		}
		got, err := tokens.Decode("ListChannels", []string{"name", "a"}, token)
		if err != nil || got != position {
			t.Errorf("Decode(Encode(%d)) = %d, %v", position, got, err)
		}
	}
	if token := tokens.Encode("ListChannels", nil, 0); token != nil {
		t.Errorf("Encode(0) = %q, want none: there is no further page", *token)
	}
}

func TestPageTokensBelongToOneList(t *testing.T) {
	tokens := restjson.PageTokens{Key: []byte("a key")}
	token := tokens.Encode("ListChannels", []string{"name", "a"}, 7)
	for _, tt := range []struct {
		name      string
		tokens    restjson.PageTokens
		operation string
		filters   []string
		token     string
	}{
		{"another operation", tokens, "ListStreams", []string{"name", "a"}, *token},
		{"another filter", tokens, "ListChannels", []string{"name", "b"}, *token},
		{"no filter", tokens, "ListChannels", nil, *token},
		{"the same text, divided otherwise", tokens, "ListChannels", []string{"namea"}, *token},
		{"another key", restjson.PageTokens{Key: []byte("b key")}, "ListChannels", []string{"name", "a"}, *token},
		{"cut", tokens, "ListChannels", []string{"name", "a"}, (*token)[1:]},
		{"longer", tokens, "ListChannels", []string{"name", "a"}, *token + "A"},
		{"a character changed", tokens, "ListChannels", []string{"name", "a"}, "B" + (*token)[1:]},
		{"of another server", tokens, "ListChannels", []string{"name", "a"}, "eyJuZXh0IjoxfQ=="},
		{"not base64", tokens, "ListChannels", []string{"name", "a"}, "!" + (*token)[1:]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.tokens.Decode(tt.operation, tt.filters, &tt.token)
			f, ok := errors.AsType[restjson.Fault](err)
			if want := tt.operation + ".nextToken is not a token that this list returned"; !ok || f.Name != "ValidationException" || f.Status != 400 || f.Message != want {
				t.Errorf("Decode = %d, %v, want a ValidationException: %s", got, err, want)
			}
		})
	}
}

func TestNoPageToken(t *testing.T) {
	for _, token := range []*string{nil, new("")} {
		if got, err := (restjson.PageTokens{}).Decode("ListChannels", nil, token); got != 0 || err != nil {
			t.Errorf("Decode = %d, %v, want the first page", got, err)
		}
	}
}

// FuzzPageToken looks for a token that was not made here and is accepted.
func FuzzPageToken(f *testing.F) {
	tokens := restjson.PageTokens{Key: []byte("a key")}
	f.Add(*tokens.Encode("ListChannels", []string{"f"}, 5))
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("====")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := tokens.Decode("ListChannels", []string{"f"}, &token)
		if err != nil || token == "" {
			return
		}
		if made := tokens.Encode("ListChannels", []string{"f"}, got); made == nil || *made != token {
			t.Errorf("Decode(%q) = %d, which has another token", token, got)
		}
	})
}
