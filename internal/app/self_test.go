package app

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"openivs/internal/config"
	"openivs/internal/ivs"
	"openivs/internal/operator"
)

// made is a server with some settings that does not serve yet.
func made(t *testing.T, flags map[string][]string) *App {
	t.Helper()
	all := map[string][]string{"data": {t.TempDir()}, "listen": {"127.0.0.1:0"}}
	maps.Copy(all, flags)
	cfg, err := config.Load(config.Source{Flags: all})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	a, err := New(ctx, cfg, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestAKeyOfALinkMayDoWhatItsMakerMayAndDoesNotOutliveIt(t *testing.T) {
	a := made(t, nil)
	ctx := t.Context()
	maker, err := Grant{Name: "desk", Policies: []string{"IVSReadOnlyAccess"}, For: time.Hour}.key(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.db.CreateAccessKey(ctx, maker); err != nil {
		t.Fatal(err)
	}
	given, err := a.self.TemporaryKey(ctx, maker.ID, 12*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	k, err := a.db.AccessKey(ctx, given.ID)
	if err != nil || !slices.Equal(k.Policies, maker.Policies) || k.Name != "desk" || k.Expires.After(maker.Expires) || k.SessionToken == "" || k.Secret != given.Secret {
		t.Errorf("the key is %+v, %v", k, err)
	}
	if err := a.db.DisableAccessKey(ctx, maker.ID, true, keepOne(true)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.self.TemporaryKey(ctx, maker.ID, time.Hour); ivs.CodeOf(err) != ivs.Denied {
		t.Errorf("a key that is disabled makes another: %v", err)
	}
}

func TestTheQuotaOfTakeoversIsKeptAndTold(t *testing.T) {
	a := made(t, map[string][]string{"quota-takeovers": {"7"}})
	told, err := a.self.About(t.Context())
	if err != nil || told.Quotas["takeoversPerStream"] != 7 || a.sessions.MaxTakeovers != 7 {
		t.Errorf("%d are told of, %d kept, %v; want 7", told.Quotas["takeoversPerStream"], a.sessions.MaxTakeovers, err)
	}
}

func TestTheDoctorIsNotAskedAgainWithinAMinute(t *testing.T) {
	asked := 0
	s := &self{doctor: func(context.Context) []operator.Finding {
		asked++
		return []operator.Finding{{Grade: "ok", What: "disk"}}
	}}
	for range 3 {
		found, err := s.Findings(t.Context())
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
	}
	if asked != 1 {
		t.Errorf("the doctor was asked %d times", asked)
	}
}
