package operator_test

import (
	"context"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/trace"
)

// stored are accounts as the database has them.
type stored struct{ d *desk }

func (s stored) Trace(ctx context.Context, id string) (ivs.Session, trace.Account, error) {
	v, err := s.d.db.Trace(ctx, id)
	if err != nil {
		return v, trace.Account{}, err
	}
	a, err := trace.Parse(v.Trace)
	return v, a, err
}

func TestTheAccountOfASessionIsAnswered(t *testing.T) {
	d := newDesk(t)
	d.Traces = stored{d}
	arn := d.channel(t, "aaaa")
	s, err := d.db.Session(t.Context(), arn, "")
	if err != nil {
		t.Fatal(err)
	}
	path := "sessions/" + s.StreamID + "/trace"
	d.want(t, "GET", path, "", 200, `"entries":[]`)
	s.Reason = "it left"
	s.Trace = trace.Account{Entries: []trace.Entry{{At: noon(), Peer: 1, What: "connected", Text: "from <there>", Times: 2, Last: noon()}}, Omitted: 7}.JSON()
	if err := d.db.SaveSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	d.want(t, "GET", path, "", 200, `"endReason":"it left","ended":"2026-03-01T12:01:00Z","entries":[{"at":"2026-03-01T12:00:00Z","last":"2026-03-01T12:00:00Z","peer":1,"text":"from \u003cthere\u003e","times":2,"what":"connected"}],"omitted":7`)
	d.want(t, "GET", "sessions/x/trace", "", 400, "not a stream id")
	d.want(t, "GET", "sessions/"+ivs.NewStreamID()+"/trace", "", 404, "NotFound")
	d.deny = []string{"openivs:GetSessionTrace " + arn.String()}
	d.want(t, "GET", path, "", 403, "not openivs:GetSessionTrace")
}
