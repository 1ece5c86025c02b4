package store_test

import (
	"reflect"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func accessKeyClauses() []clause {
	return []clause{
		{"access keys read back, and our own changes count at once", accessKeyReadsBack},
		{"a guest beside the server changes access keys", accessKeyGuest},
	}
}

func accessKeyReadsBack(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	a := store.AccessKey{ID: "AKIAB", Secret: "secret-a", Created: noon()}
	b := store.AccessKey{ID: "AKIAA", Secret: "secret-b", Created: noon().Add(1000), Disabled: true}
	_, err := db.AccessKey(t.Context(), a.ID)
	wantCode(t, "a key before it exists", err, ivs.NotFound)
	must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), a))
	must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), b))
	wantCode(t, "a key that exists", db.CreateAccessKey(t.Context(), a), ivs.Conflict)

	for _, want := range []store.AccessKey{a, b} {
		want.Created = want.Created.Truncate(1000)
		if got, err := db.AccessKey(t.Context(), want.ID); err != nil || got != want {
			t.Errorf("AccessKey(%s) = %+v, %v; want %+v", want.ID, got, err, want)
		}
	}
	all, err := db.AccessKeys(t.Context())
	if err != nil || !reflect.DeepEqual([]string{all[0].ID, all[1].ID}, []string{a.ID, b.ID}) {
		t.Errorf("AccessKeys = %v, %v; want the oldest first", all, err)
	}

	for _, disabled := range []bool{true, false} {
		must(t, "DisableAccessKey", db.DisableAccessKey(t.Context(), a.ID, disabled))
		if got, err := db.AccessKey(t.Context(), a.ID); err != nil || got.Disabled != disabled {
			t.Errorf("disabled is %t, %v; want %t", got.Disabled, err, disabled)
		}
	}
	must(t, "DeleteAccessKey", db.DeleteAccessKey(t.Context(), a.ID))
	_, err = db.AccessKey(t.Context(), a.ID)
	wantCode(t, "a deleted key", err, ivs.NotFound)
	wantCode(t, "a second delete", db.DeleteAccessKey(t.Context(), a.ID), ivs.NotFound)
	wantCode(t, "turning off what is gone", db.DisableAccessKey(t.Context(), a.ID, true), ivs.NotFound)
}

func accessKeyGuest(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	owner := open(t, url)
	guest := openAs(t, store.Options{URL: url, Key: masterKey(t, 1), Mode: store.Guest})
	must(t, "CreateAccessKey", guest.CreateAccessKey(t.Context(), store.AccessKey{ID: "AKIAG", Secret: "s", Created: noon()}))
	if got, err := owner.AccessKey(t.Context(), "AKIAG"); err != nil || got.Secret != "s" {
		t.Errorf("the owner sees %v, %v", got, err)
	}
}
