package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/smithy-go"

	"openivs/internal/store/storetest"
)

// A crowd are clients of one server, each with connections of its own.
type crowd struct {
	t       *testing.T
	clients []*ivs.Client
}

func (s *server) crowd(t *testing.T, n int) crowd {
	t.Helper()
	c := crowd{t: t}
	for range n {
		c.clients = append(c.clients, s.api(t))
	}
	return c
}

// each has all clients call at once, each as often, and counts the answers by the
// name of the error, "" for none. What is not expected fails the test.
func (c crowd) each(what string, often int, want map[string]int, call func(api *ivs.Client, client, round int) error) {
	c.t.Helper()
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for i, api := range c.clients {
		all.Go(func() {
			for round := range often {
				name := nameOf(call(api, i, round))
				mu.Lock()
				got[name]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		c.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// nameOf is the name of a modelled error, "" for none.
func nameOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestSixteenClientsAtOnce has them make, change, tag and delete the same things over
// HTTP, on both databases: no update is lost, nothing is left behind, and no quota is
// exceeded.
func TestSixteenClientsAtOnce(t *testing.T) {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		t.Run(engine, func(t *testing.T) {
			more := []string{"quota-channels", "20"}
			if engine == "PostgreSQL" {
				more = append(more, "database", storetest.Start(t).Database(t))
			}
			s := run(t, settings(t, t.TempDir(), more...))
			atOnce(t, s)
		})
	}
}

func atOnce(t *testing.T, s *server) {
	t.Helper()
	const clients, channels = 16, 20
	const quota, missing, conflict = "ServiceQuotaExceededException", "ResourceNotFoundException", "ConflictException"
	all, api, ctx := s.crowd(t, clients), s.api(t), t.Context()
	shared, _ := s.channel(t, "shared")

	var mu sync.Mutex
	var made, keys []string // ARNs
	create := func(api *ivs.Client, _, _ int) error {
		out, err := api.CreateChannel(ctx, new(ivs.CreateChannelInput))
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		made, keys = append(made, *out.Channel.Arn), append(keys, *out.StreamKey.Arn)
		return nil
	}
	all.each("more channels than there may be", 2, map[string]int{"": channels - 1, quota: 2*clients - channels + 1}, create)

	all.each("tags and names of one channel", 2, map[string]int{"": 2 * clients}, func(api *ivs.Client, client, round int) error {
		_, err := api.UpdateChannel(ctx, &ivs.UpdateChannelInput{Arn: &shared, Name: aws.String(fmt.Sprint("of-", client))})
		_, tagged := api.TagResource(ctx, &ivs.TagResourceInput{ResourceArn: &shared, Tags: map[string]string{fmt.Sprint(client, "-", round): "x"}})
		return errors.Join(err, tagged)
	})
	tags, err := api.ListTagsForResource(ctx, &ivs.ListTagsForResourceInput{ResourceArn: &shared})
	if err != nil || len(tags.Tags) != 2*clients {
		t.Errorf("after %d tags, one by one: %v, %v", 2*clients, tags, err)
	}

	material := publicKey(t)
	all.each("one key pair", 1, map[string]int{"": 1, conflict: clients - 1}, func(api *ivs.Client, _, _ int) error {
		_, err := api.ImportPlaybackKeyPair(ctx, &ivs.ImportPlaybackKeyPairInput{PublicKeyMaterial: &material})
		return err
	})
	all.each("a second stream key", 1, map[string]int{quota: clients}, func(api *ivs.Client, _, _ int) error {
		_, err := api.CreateStreamKey(ctx, &ivs.CreateStreamKeyInput{ChannelArn: &shared})
		return err
	})

	doomed, theirs := made, keys
	all.each("deletion of the same channels", len(doomed), map[string]int{"": len(doomed), missing: (clients - 1) * len(doomed)}, func(api *ivs.Client, _, round int) error {
		_, err := api.DeleteChannel(ctx, &ivs.DeleteChannelInput{Arn: &doomed[round]})
		return err
	})
	all.each("stream keys of deleted channels", 1, map[string]int{missing: clients}, func(api *ivs.Client, client, _ int) error {
		_, err := api.GetStreamKey(ctx, &ivs.GetStreamKeyInput{Arn: &theirs[client]})
		return err
	})
	left, err := api.ListChannels(ctx, new(ivs.ListChannelsInput))
	if err != nil || len(left.Channels) != 1 || *left.Channels[0].Arn != shared {
		t.Errorf("channels that are left: %v, %v; want %s alone", left, err, shared)
	}
	all.each("as many channels as before", 2, map[string]int{"": channels - 1, quota: 2*clients - channels + 1}, create)
}

// publicKey is one that can be imported.
func publicKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
