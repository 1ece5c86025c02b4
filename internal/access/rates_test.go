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
