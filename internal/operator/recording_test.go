package operator_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"openivs/internal/catalogue"
	"openivs/internal/ivs"
	"openivs/internal/operator"
)

// A safe is a vault with one recording.
type safe struct{}

func (safe) PlaybackURL(bucket, prefix string, until time.Time) (string, error) {
	return "http://here/" + bucket + "/" + prefix + "?" + until.Format("15:04"), nil
}

func (safe) Verify(context.Context, string, string) (operator.Verification, error) {
	return operator.Verification{Renditions: 1, Segments: 2, Bytes: 3, Milliseconds: 4}, nil
}

// records stores what is told of the recording of a channel's stream.
func (d *desk) records(t *testing.T, channel ivs.ARN, names ...string) {
	t.Helper()
	s, err := d.db.Session(t.Context(), channel, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		detail := ivs.RecordingDetail{Bucket: "b", Prefix: "ivs/v1/p", ID: "id", StreamIDs: []string{s.StreamID}}
		if name == ivs.RecordingStartFailure {
			detail.Prefix, detail.Reason = "", "no bucket"
		}
		if name == ivs.RecordingEnd {
			detail.Length = 2500
		}
		ev, err := ivs.NewRecordingEvent(s, name, detail, noon().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.db.SaveSession(t.Context(), s, ev); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecordingsAreListedPlayedAndVerified(t *testing.T) {
	d := newDesk(t)
	d.Recordings, d.Vault = catalogue.Catalogue{Events: d.db}, safe{}
	d.want(t, "GET", "recordings", "", 200, `{"recordings":[]}`)
	one, two := d.channel(t, "aaaa"), d.channel(t, "bbbb") // events 1 to 3 and 4 to 6
	d.records(t, one, ivs.RecordingStart, ivs.RecordingEnd)
	d.records(t, two, ivs.RecordingStart)
	d.records(t, two, ivs.RecordingStartFailure)
	first := `"bucket":"b","channel":"` + one.String() + `","channelName":"","ended":"2026-03-01T13:00:00Z","id":"7","milliseconds":2500,` +
		`"prefix":"ivs/v1/p","started":"2026-03-01T13:00:00Z","state":"ENDED","streamIds":["st-`
	d.want(t, "GET", "recordings/7", "", 200, first)
	d.want(t, "GET", "recordings?channel=aaaa", "", 200, `{"recordings":[{`+first)
	d.want(t, "GET", "recordings?maxResults=1", "", 200, `{"next":"10","recordings":[{"bucket":"b","channel":"`+two.String())
	d.want(t, "GET", "recordings?maxResults=1&before=10", "", 200, `"state":"RECORDING"`)
	d.want(t, "GET", "recordings?before=9", "", 200, `{"recordings":[{`+first)
	d.want(t, "POST", "recordings/7/url", `{"for":"2h"}`, 200, "http://here/b/ivs/v1/p?")
	d.want(t, "POST", "recordings/7/verify", "", 200, `{"bytes":3,"milliseconds":4,"problems":[],"renditions":1,"segments":2}`)
	for _, tt := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"GET", "recordings/8", "", 404, "no recording 8"},
		{"GET", "recordings/x", "", 400, "not the id"},
		{"GET", "recordings?before=x", "", 400, "before"},
		{"GET", "recordings?maxResults=101", "", 400, "maxResults"},
		{"GET", "recordings?channel=a%20b", "", 400, "ARN"},
		{"POST", "recordings/7/url", `{"for":"1s"}`, 400, "length of time"},
		{"POST", "recordings/9/verify", "", 409, "not over"},
		{"POST", "recordings/10/url", "", 409, "no bucket"},
		{"POST", "recordings/10/verify", "", 409, "nothing was recorded"},
	} {
		d.want(t, tt.method, tt.target, tt.body, tt.status, tt.want)
	}
	for _, action := range []string{"ListRecordings", "GetRecording", "CreateRecordingURL", "VerifyRecording"} {
		d.deny = append(d.deny, "openivs:"+action+" "+one.String(), "openivs:"+action+" "+strings.Replace(one.String(), "aaaa", "*", 1))
	}
	d.want(t, "GET", "recordings", "", 403, "ListRecordings")
	d.want(t, "GET", "recordings?channel=aaaa", "", 403, "ListRecordings")
	d.want(t, "GET", "recordings/7", "", 403, "GetRecording")
	d.want(t, "POST", "recordings/7/url", "", 403, "CreateRecordingURL")
	d.want(t, "POST", "recordings/7/verify", "", 403, "VerifyRecording")
	d.want(t, "GET", "recordings?channel=bbbb", "", 200, `"id":"10"`)
}
