package store_test

import (
	"errors"
	"maps"
	"testing"

	"openivs/internal/ivs"
)

func tagClauses() []clause {
	return []clause{{"tags of channels and stream keys are read and changed", tagsChange}}
}

func tagsChange(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, k := create(t, db, fullChannel())
	errNo := errors.New("no")
	for _, arn := range []ivs.ARN{c.ARN, k.ARN} {
		was, err := db.Tags(t.Context(), arn)
		must(t, "Tags", err)
		err = db.UpdateTags(t.Context(), arn, func(t ivs.Tags) error {
			t["never"] = "x"
			return errNo
		})
		if !errors.Is(err, errNo) {
			t.Errorf("refused change: %v", err)
		}
		must(t, "UpdateTags", db.UpdateTags(t.Context(), arn, func(t ivs.Tags) error {
			t["added"] = "yes"
			delete(t, "team")
			return nil
		}))
		want := maps.Clone(was)
		want["added"] = "yes"
		delete(want, "team")
		if got, err := db.Tags(t.Context(), arn); err != nil || !maps.Equal(got, want) {
			t.Errorf("tags of %s: %v, %v; want %v", arn, got, err, want)
		}
	}
	if got, err := db.Channel(t.Context(), c.ARN); err != nil || got.Tags["added"] != "yes" {
		t.Errorf("the channel says %v, %v", got.Tags, err)
	}
	for _, arn := range []ivs.ARN{newChannelARN(), ivs.NewARN("us-east-1", "123456789012", ivs.KindPlaybackKeyPair)} {
		_, err := db.Tags(t.Context(), arn)
		wantCode(t, "tags of "+arn.String(), err, ivs.NotFound)
		wantCode(t, "change of them", db.UpdateTags(t.Context(), arn, func(ivs.Tags) error { return nil }), ivs.NotFound)
	}
}
