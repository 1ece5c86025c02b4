package store_test

import (
	"reflect"
	"testing"

	"openivs/internal/ivs"
)

func streamKeyClauses() []clause {
	return []clause{
		{"stream keys read back, up to the limit of their channel", streamKeyReadsBack},
		{"stream keys are listed page by page", streamKeyPages},
	}
}

func streamKeyReadsBack(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, first := create(t, db, fullChannel())
	second := ivs.NewStreamKey(c.ARN, ivs.Tags{"encoder": "2"})
	wantCode(t, "a key too many", db.CreateStreamKey(t.Context(), second, 1), ivs.QuotaExceeded)
	must(t, "CreateStreamKey", db.CreateStreamKey(t.Context(), second, 2))
	wantCode(t, "a key of no channel", db.CreateStreamKey(t.Context(), ivs.NewStreamKey(newChannelARN(), nil), 9), ivs.NotFound)

	for _, want := range []ivs.StreamKey{first, second} {
		got, err := db.StreamKey(t.Context(), want.ARN)
		if err != nil || !reflect.DeepEqual(got, want) || got.Value != want.Value {
			t.Errorf("StreamKey = %+v, %v; want %+v", got, err, want)
		}
	}
	both, err := db.StreamKeysByARN(t.Context(), []ivs.ARN{second.ARN, first.ARN, c.ARN})
	if err != nil || len(both) != 2 {
		t.Errorf("StreamKeysByARN = %v, %v; want both", both, err)
	}

	must(t, "DeleteStreamKey", db.DeleteStreamKey(t.Context(), first.ARN))
	wantCode(t, "a second delete", db.DeleteStreamKey(t.Context(), first.ARN), ivs.NotFound)
	_, err = db.StreamKey(t.Context(), first.ARN)
	wantCode(t, "a deleted key", err, ivs.NotFound)
	_, err = db.Publisher(t.Context(), first.Value)
	wantCode(t, "publishing with a deleted key", err, ivs.NotFound)
	if got, err := db.Publisher(t.Context(), second.Value); err != nil || got.ARN != c.ARN {
		t.Errorf("publishing with the other: %v, %v", got.ARN, err)
	}
}

func streamKeyPages(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, first := create(t, db, fullChannel())
	create(t, db, fullChannel()) // whose key is not listed
	second := ivs.NewStreamKey(c.ARN, nil)
	must(t, "CreateStreamKey", db.CreateStreamKey(t.Context(), second, 50))

	page, err := db.StreamKeys(t.Context(), c.ARN, 0, 1)
	if err != nil || len(page.Items) != 1 || page.Items[0].ARN != first.ARN || page.Next == 0 {
		t.Fatalf("first page: %v, %v", page, err)
	}
	page, err = db.StreamKeys(t.Context(), c.ARN, page.Next, 1)
	if err != nil || len(page.Items) != 1 || page.Items[0].ARN != second.ARN || page.Next != 0 {
		t.Errorf("last page: %v, %v", page, err)
	}
	if page.Items[0].Value != "" {
		t.Error("the list has the value of a key")
	}
	if page.Items[0].Tags == nil {
		t.Error("tags are nil, want an empty map")
	}
}
