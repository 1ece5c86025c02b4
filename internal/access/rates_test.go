package access_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/access"
)

// rated is a door for a caller with full access and these rates.
func rated(t *testing.T, given map[string]int) *door {
	t.Helper()
	rates, err := access.NewRates("123456789012", given)
	if err != nil {
		t.Fatal(err)
	}
	d := open("IVSFullAccess")
	d.guard.Rates = rates
	return d
}

func put(channel string) [3]string {
	return [3]string{"POST", "/PutMetadata", `{"channelArn":"` + channel + `","metadata":"m"}`}
}

// admitted counts how many of n calls in a row are not throttled.
func (d *door) admitted(t *testing.T, n int, call [3]string) (got int, refusal string) {
	t.Helper()
	for range n {
		if m := d.call(t, call[0], call[1], call[2]); m == "" {
			got++
		} else {
			refusal = m
		}
	}
	return got, refusal
}

func TestRates(t *testing.T) {
	get := [3]string{"POST", "/GetChannel", `{"arn":"` + news + `"}`}
	for _, tt := range []struct {
		name    string
		given   map[string]int
		call    [3]string
		atOnce  int
		later   int // after a second
		refusal string
	}{
		{"an operation", nil, get, 10, 5, "Operation: ivs:GetChannel exceeded call rate: 5 for resource: 123456789012"},
		{"one that is rarer", nil, [3]string{"POST", "/ListPlaybackKeyPairs", "{}"}, 6, 3, "Operation: ivs:ListPlaybackKeyPairs exceeded call rate: 3 for resource: 123456789012"},
		{"one that is set", map[string]int{"GetChannel": 50}, get, 100, 50, "Operation: ivs:GetChannel exceeded call rate: 50 for resource: 123456789012"},
		{"metadata of a channel", nil, put(news), 10, 5, "Operation: ivs:PutMetadata exceeded call rate: 5 for resource: " + news},
		{
			"metadata of the account",
			map[string]int{"PutMetadata": 2, "PutMetadata/channel": 20},
			put(news), 4, 2,
			"Operation: ivs:PutMetadata exceeded call rate: 2 for resource: 123456789012",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := rated(t, tt.given)
				got, refusal := d.admitted(t, 2*tt.atOnce, tt.call)
				if got != tt.atOnce || refusal != tt.refusal {
					t.Errorf("%d at once, %q; want %d, %q", got, refusal, tt.atOnce, tt.refusal)
				}
				select {
				case <-time.After(time.Second):
				case <-t.Context().Done():
				}
				if got, _ := d.admitted(t, 2*tt.atOnce, tt.call); got != tt.later {
					t.Errorf("%d after a second, want %d", got, tt.later)
				}
			})
		})
	}
}

func TestChannelsHaveRatesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := rated(t, nil)
		for _, channel := range []string{news, sports} {
			if got, _ := d.admitted(t, 20, put(channel)); got != 10 {
				t.Errorf("%s: %d at once, want 10", channel, got)
			}
		}
		// What one channel refused has not been counted against the account.
		total := 20
		for i := range 100 {
			got, _ := d.admitted(t, 10, put(fmt.Sprintf("%schannel/%012d", prefix, i)))
			total += got
		}
		if want := 2 * 155; total != want {
			t.Errorf("%d at once over all channels, want %d", total, want)
		}
	})
}

func TestADeniedCallIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := rated(t, nil)
		full := d.guard.Policies
		reading := open("IVSReadOnlyAccess").guard.Policies
		create := [3]string{"POST", "/CreateChannel", "{}"}
		d.guard.Policies = reading
		d.admitted(t, 100, create)
		d.guard.Policies = full
		if got, _ := d.admitted(t, 20, create); got != 10 {
			t.Errorf("%d at once, want 10", got)
		}
	})
}

func TestNoRates(t *testing.T) {
	d := open("IVSFullAccess")
	if got, refusal := d.admitted(t, 1000, put(news)); got != 1000 {
		t.Errorf("%d of 1000 without rates: %s", got, refusal)
	}
}

func TestRatesThatCannotBe(t *testing.T) {
	for _, given := range []map[string]int{{"GetChanel": 1}, {"GetChannel": 0}, {"GetChannel": -1}, {"GetChannel/channel": 1}} {
		if _, err := access.NewRates("123456789012", given); err == nil {
			t.Errorf("NewRates(%v) took it, want an error", given)
		}
	}
}

// rateTable is the rate of every operation in calls a second, as the service
// quotas of Amazon IVS list them; UpdateAdConfiguration, which they leave out, is
// as the others of its kind.
func rateTable() map[string]int {
	return map[string]int{
		"CreateAdConfiguration": 3, "DeleteAdConfiguration": 3, "GetAdConfiguration": 3, "ListAdConfigurations": 3,
		"UpdateAdConfiguration": 3,
		"InsertAdBreak":         1,
		"BatchGetChannel":       5, "CreateChannel": 5, "DeleteChannel": 5, "GetChannel": 5, "ListChannels": 5, "UpdateChannel": 5,
		"CreatePlaybackRestrictionPolicy": 5, "DeletePlaybackRestrictionPolicy": 5, "GetPlaybackRestrictionPolicy": 5,
		"ListPlaybackRestrictionPolicies": 5, "UpdatePlaybackRestrictionPolicy": 5,
		"DeletePlaybackKeyPair": 3, "GetPlaybackKeyPair": 3, "ImportPlaybackKeyPair": 3, "ListPlaybackKeyPairs": 3,
		"BatchStartViewerSessionRevocation": 2, "StartViewerSessionRevocation": 10,
		"CreateRecordingConfiguration": 3, "DeleteRecordingConfiguration": 3, "GetRecordingConfiguration": 3,
		"ListRecordingConfigurations": 3,
		"GetStream":                   5, "GetStreamSession": 5, "ListStreams": 5, "ListStreamSessions": 5, "StopStream": 5,
		"PutMetadata":       155,
		"BatchGetStreamKey": 5, "CreateStreamKey": 5, "DeleteStreamKey": 5, "GetStreamKey": 5, "ListStreamKeys": 5,
		"ListTagsForResource": 10, "TagResource": 10, "UntagResource": 10,
	}
}

// TestRatesAreThoseOfAmazon makes calls at once and a second later: at once twice
// the rate is let in, later the rate.
func TestRatesAreThoseOfAmazon(t *testing.T) {
	want, operations := rateTable(), model(t)
	if len(want) != len(operations) {
		t.Errorf("%d operations have a rate, the API has %d", len(want), len(operations))
	}
	for name, op := range operations {
		synctest.Test(t, func(t *testing.T) {
			d := rated(t, nil)
			path, body := request(name, op.Path)
			made := 0
			next := func() (c [3]string) {
				made++
				c = [3]string{op.Method, path, body}
				if name == "PutMetadata" { // a channel for each call, as each has a rate of its own
					c = put(fmt.Sprintf("%schannel/a%011d", prefix, made))
				}
				return c
			}
			most := func() (n int, refusal string) {
				for range 3 * 155 {
					c := next()
					if refusal = d.call(t, c[0], c[1], c[2]); refusal != "" {
						return n, refusal
					}
					n++
				}
				return n, ""
			}
			atOnce, refusal := most()
			<-time.After(time.Second)
			later, _ := most()
			if atOnce != 2*want[name] || later != want[name] {
				t.Errorf("%s: %d calls at once and %d a second later; want %d and %d", name, atOnce, later, 2*want[name], want[name])
			}
			if said := fmt.Sprintf("Operation: ivs:%s exceeded call rate: %d for resource: 123456789012", name, want[name]); refusal != said {
				t.Errorf("%s: %q, want %q", name, refusal, said)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		d := rated(t, nil)
		atOnce, _ := d.admitted(t, 100, put(news))
		<-time.After(time.Second)
		if later, _ := d.admitted(t, 100, put(news)); atOnce != 10 || later != 5 {
			t.Errorf("metadata of one channel: %d at once and %d a second later; want 10 and 5", atOnce, later)
		}
	})
}
