package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func accessKeyClauses() []clause {
	return []clause{
		{"access keys read back, and our own changes count at once", accessKeyReadsBack},
		{"a change of access keys that is refused leaves them as they are", accessKeyRefused},
		{"access keys that expired long ago are forgotten", accessKeyForgotten},
		{"a guest beside the server changes access keys", accessKeyGuest},
	}
}

func accessKeyReadsBack(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	a := store.AccessKey{ID: "AKIAB", Secret: "secret-a", Created: noon(), Policies: []string{"IVSFullAccess"}}
	b := store.AccessKey{
		ID: "ASIAA", Name: "camera 1", Secret: "secret-b", SessionToken: "token-b", Created: noon().Add(1000), Expires: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond),
		Policies: []string{"IVSReadOnlyAccess", `{"Statement":[]}`}, Disabled: true,
	}
	_, err := db.AccessKey(t.Context(), a.ID)
	wantCode(t, "a key before it exists", err, ivs.NotFound)
	must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), a))
	must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), b))
	wantCode(t, "a key that exists", db.CreateAccessKey(t.Context(), a), ivs.Conflict)

	for _, want := range []store.AccessKey{a, b} {
		want.Created = want.Created.Truncate(1000)
		if got, err := db.AccessKey(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("AccessKey(%s) = %+v, %v; want %+v", want.ID, got, err, want)
		}
	}
	all, err := db.AccessKeys(t.Context())
	if err != nil || !reflect.DeepEqual([]string{all[0].ID, all[1].ID}, []string{a.ID, b.ID}) {
		t.Errorf("AccessKeys = %v, %v; want the oldest first", all, err)
	}

	for _, disabled := range []bool{true, false} {
		must(t, "DisableAccessKey", db.DisableAccessKey(t.Context(), a.ID, disabled, anyway))
		if got, err := db.AccessKey(t.Context(), a.ID); err != nil || got.Disabled != disabled {
			t.Errorf("disabled is %t, %v; want %t", got.Disabled, err, disabled)
		}
	}
	must(t, "DeleteAccessKey", db.DeleteAccessKey(t.Context(), a.ID, anyway))
	_, err = db.AccessKey(t.Context(), a.ID)
	wantCode(t, "a deleted key", err, ivs.NotFound)
	wantCode(t, "a second delete", db.DeleteAccessKey(t.Context(), a.ID, anyway), ivs.NotFound)
	wantCode(t, "turning off what is gone", db.DisableAccessKey(t.Context(), a.ID, true, anyway), ivs.NotFound)
}

// accessKeyForgotten has expired keys listed for a week.
func accessKeyForgotten(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	const day = 24 * time.Hour
	for id, expires := range map[string]time.Duration{"ASIAOLD": -8 * day, "ASIAYOUNG": -6 * day, "ASIALIVE": day} {
		must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), store.AccessKey{ID: id, Secret: "s", Created: noon(), Expires: time.Now().Add(expires)}))
	}
	must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), store.AccessKey{ID: "AKIA", Secret: "s", Created: noon()}))
	all, err := db.AccessKeys(t.Context())
	var ids []string
	for _, k := range all {
		ids = append(ids, k.ID)
	}
	if want := []string{"AKIA", "ASIALIVE", "ASIAYOUNG"}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("left are %v, %v; want %v", ids, err, want)
	}
}

func anyway([]store.AccessKey) error { return nil }

// accessKeyRefused lets nobody take the last key away, however many try at once.
func accessKeyRefused(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	const keys = 6
	for i := range keys {
		must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), store.AccessKey{ID: fmt.Sprint("AKIA", i), Secret: "s", Created: noon()}))
	}
	errLast := errors.New("the last one")
	allow := func(then []store.AccessKey) error {
		if !slices.ContainsFunc(then, func(k store.AccessKey) bool { return !k.Disabled }) {
			return errLast
		}
		return nil
	}
	var refused atomic.Int64
	var tries sync.WaitGroup
	for i := range keys {
		tries.Go(func() {
			change := func() error { return db.DisableAccessKey(t.Context(), fmt.Sprint("AKIA", i), true, allow) }
			if i%2 == 0 {
				change = func() error { return db.DeleteAccessKey(t.Context(), fmt.Sprint("AKIA", i), allow) }
			}
			if err := change(); errors.Is(err, errLast) {
				refused.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	tries.Wait()
	all, err := db.AccessKeys(t.Context())
	if err != nil || allow(all) != nil || refused.Load() != 1 {
		t.Errorf("%d changes were refused, want 1; left are %v, %v", refused.Load(), all, err)
	}
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
