package ivs_test

import (
	"encoding/json"
	"testing"
	"time"

	"openivs/internal/ivs"
)

func TestBucketNames(t *testing.T) {
	for name, want := range map[string]bool{
		"demo-bucket": true, "a.b-c.1": true, "123": true, "1.2.3": true, "999.999.999.999": true,
		"": false, "-a-": false, "a-": false, ".ab": false, "ab.": false, "a..b": false, "...": false, "192.168.0.1": false,
	} {
		c := ivs.RecordingConfiguration{Destination: ivs.Destination{S3: ivs.S3Destination{Bucket: name}}}
		if err := c.Validate(); (err == nil) != want {
			t.Errorf("%q: %v, want it taken: %t", name, err, want)
		}
	}
}

// Sessions keep a configuration in the API's own form.
func TestRecordingConfigurationIsTheAPIs(t *testing.T) {
	c := ivs.RecordingConfiguration{
		ARN:         ivs.ARN{Service: "ivs", Region: "us-west-2", Account: "123456789012", Kind: ivs.KindRecordingConfiguration, ID: "ABcdef34ghIJ"},
		State:       ivs.RecordingActive,
		Destination: ivs.Destination{S3: ivs.S3Destination{Bucket: "demo-recording-bucket"}},
		Tags:        ivs.Tags{},
	}
	c.Complete()
	got, err := json.Marshal(c)
	const want = `{"arn":"arn:aws:ivs:us-west-2:123456789012:recording-configuration/ABcdef34ghIJ","name":"",` +
		`"destinationConfiguration":{"s3":{"bucketName":"demo-recording-bucket"}},"state":"ACTIVE","tags":{},` +
		`"thumbnailConfiguration":{"recordingMode":"INTERVAL","targetIntervalSeconds":60,"storage":["SEQUENTIAL"]},` +
		`"recordingReconnectWindowSeconds":0,"renditionConfiguration":{"renditionSelection":"ALL"}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// What the events of limits and ad breaks say beyond the common members.
func TestEventDetails(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	breach, err := ivs.NewBreach(ivs.Session{StreamID: "st-1"}, ivs.ConcurrentBroadcasts, 2, 3, "active streams", at)
	const wantBreach = `{"limit_name":"Concurrent Broadcasts","limit":"Concurrent Broadcasts","limit_value":2,"exceeded_by":3,"limit_unit":"active streams"}`
	if err != nil || string(breach.Detail) != wantBreach || breach.Type != ivs.LimitBreach || breach.Name != ivs.ConcurrentBroadcasts || !breach.Fault() {
		t.Errorf("breach %+v %s, %v, want %s", breach, breach.Detail, err, wantBreach)
	}
	b := ivs.NewAdBreak("st-1", 30*time.Second, at)
	ad, err := b.Event(ivs.Session{StreamID: "st-1"}, at)
	wantAd := `{"ad_break_id":"` + b.ID + `","duration_seconds":30,"target_start_time":"2026-01-02T03:04:15Z"}`
	if err != nil || string(ad.Detail) != wantAd || ad.Type != ivs.AdBreakStateChange || ad.Name != "Ad Break Inserted" || ad.Fault() || len(b.ID) != 12 {
		t.Errorf("ad break %+v %s, %v, want %s", ad, ad.Detail, err, wantAd)
	}
}
