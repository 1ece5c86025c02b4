package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"openivs/internal/control"
	"openivs/internal/ivs"
	"openivs/internal/store"
)

func resourceClauses() []clause {
	return []clause{
		{"a resource is read as it was written", resourceWhole},
		{"resources are paged in the order they were made", resourcePages},
		{"an update of a resource is whole, and can be refused", resourceUpdate},
		{"a resource that a channel points to says so when it is deleted", resourceDelete},
		{"a channel points only to what exists", resourceReference},
		{"a playback key is there once", keyPairOnce},
		{"resources have tags", resourceTags},
		{"a quota is never exceeded", quotaKept},
		{"what a channel points to is not deleted meanwhile", noDanglingReference},
		{"no update of a resource by 16 writers is lost", noLostResource},
	}
}

func newARN(k ivs.Kind) ivs.ARN { return ivs.NewARN("us-east-1", "123456789012", k) }

func recordingConfiguration() ivs.RecordingConfiguration {
	return ivs.RecordingConfiguration{
		ARN: newARN(ivs.KindRecordingConfiguration), Name: "archive", State: ivs.RecordingCreating,
		Destination:     ivs.Destination{S3: ivs.S3Destination{Bucket: "demo-bucket"}},
		Thumbnails:      ivs.Thumbnails{Mode: ivs.ThumbnailsInterval, Interval: 7, Resolution: "HD", Storage: []string{"LATEST", "SEQUENTIAL"}},
		ReconnectWindow: 30, Renditions: ivs.Renditions{Selection: ivs.CustomRenditions, Only: []string{"HD"}}, Tags: ivs.Tags{"ü": "日本"},
	}
}

func restrictionPolicy() ivs.RestrictionPolicy {
	return ivs.RestrictionPolicy{
		ARN: newARN(ivs.KindPlaybackRestrictionPolicy), Name: "eu", Countries: []string{"DE", "FR"},
		Origins: []string{"https://*.example.com"}, Strict: true, Tags: ivs.Tags{"a": ""},
	}
}

func adConfiguration() ivs.AdConfiguration {
	return ivs.AdConfiguration{
		ARN: newARN(ivs.KindAdConfiguration), Name: "ads", MediaTailor: []string{"arn:aws:mediatailor:us-east-1:123456789012:playbackConfiguration/x"},
		PostRoll: ivs.PostRoll{Enabled: true, Seconds: 30}, Tags: ivs.Tags{},
	}
}

func keyPair(fingerprint string) ivs.PlaybackKeyPair {
	return ivs.PlaybackKeyPair{
		ARN: newARN(ivs.KindPlaybackKeyPair), Name: "signer", Fingerprint: fingerprint, PublicKey: []byte{0, 1, 0xff}, Tags: ivs.Tags{"k": "v"},
	}
}

func resourceWhole(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := recordingConfiguration()
	writtenAndRead(t, db.RecordingConfigurations(), c, c.ARN)
	p := restrictionPolicy()
	writtenAndRead(t, db.RestrictionPolicies(), p, p.ARN)
	a := adConfiguration()
	writtenAndRead(t, db.AdConfigurations(), a, a.ARN)
	k := keyPair("0a:1b")
	writtenAndRead(t, db.PlaybackKeyPairs(), k, k.ARN)
	if got, err := db.Recording(t.Context(), c.ARN); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("Recording = %+v, %v; want %+v", got, err, c)
	}
	bare := ivs.RestrictionPolicy{ARN: newARN(ivs.KindPlaybackRestrictionPolicy)}
	must(t, "Create", db.RestrictionPolicies().Create(t.Context(), bare, many))
	if got, err := db.RestrictionPolicies().Get(t.Context(), bare.ARN); err != nil || got.Tags == nil {
		t.Errorf("tags of a policy without any: %v, %v; want an empty map", got.Tags, err)
	}
}

// writtenAndRead does with a resource all that does not change it.
func writtenAndRead[T any](t *testing.T, r control.Resources[T], v T, arn ivs.ARN) {
	t.Helper()
	_, err := r.Get(t.Context(), arn)
	wantCode(t, "before it was made", err, ivs.NotFound)
	must(t, "Create", r.Create(t.Context(), v, many))
	if got, err := r.Get(t.Context(), arn); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("Get = %+v, %v; want %+v", got, err, v)
	}
	if page, err := r.List(t.Context(), 0, 10); err != nil || len(page.Items) != 1 || page.Next != 0 || !reflect.DeepEqual(page.Items[0], v) {
		t.Errorf("List = %+v, %v; want %+v", page, err, v)
	}
	wantCode(t, "the same again", r.Create(t.Context(), v, many), ivs.Conflict)
	_, err = r.Get(t.Context(), ivs.NewARN("us-east-1", "123456789012", arn.Kind))
	wantCode(t, "another", err, ivs.NotFound)
}

func resourcePages(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t)).RestrictionPolicies()
	var want []string
	for i := range 5 {
		p := restrictionPolicy()
		p.Name = strconv.Itoa(i)
		want = append(want, p.Name)
		must(t, "Create", db.Create(t.Context(), p, many))
	}
	for _, limit := range []int{1, 2, 5, 100} {
		var got []string
		for after, first := int64(0), true; first || after != 0; first = false {
			page, err := db.List(t.Context(), after, limit)
			must(t, "List", err)
			for _, p := range page.Items {
				got = append(got, p.Name)
			}
			after = page.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q, want %q", limit, got, want)
		}
	}
}

func resourceUpdate(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t)).RestrictionPolicies()
	p := restrictionPolicy()
	must(t, "Create", db.Create(t.Context(), p, many))
	errNo := errors.New("no")
	_, err := db.Update(t.Context(), p.ARN, func(p *ivs.RestrictionPolicy) error {
		p.Name = "never"
		return errNo
	})
	if !errors.Is(err, errNo) {
		t.Errorf("Update: %v, want %v", err, errNo)
	}
	if got, err := db.Get(t.Context(), p.ARN); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("after a refusal: %+v, %v; want %+v", got, err, p)
	}
	want := restrictionPolicy()
	want.ARN, want.Countries, want.Tags = p.ARN, []string{}, ivs.Tags{"new": "tag"}
	got, err := db.Update(t.Context(), p.ARN, func(was *ivs.RestrictionPolicy) error {
		if !reflect.DeepEqual(*was, p) {
			t.Errorf("update begins with %+v, want %+v", *was, p)
		}
		*was = want
		return nil
	})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Update = %+v, %v; want %+v", got, err, want)
	}
	if got, err := db.Get(t.Context(), p.ARN); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("afterwards %+v, %v; want %+v", got, err, want)
	}
	_, err = db.Update(t.Context(), newARN(ivs.KindPlaybackRestrictionPolicy), func(*ivs.RestrictionPolicy) error { return nil })
	wantCode(t, "one that is none", err, ivs.NotFound)
}

func resourceDelete(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, _ := create(t, db, fullChannel())
	k := keyPair("0a:1b")
	must(t, "Create", db.PlaybackKeyPairs().Create(t.Context(), k, many))
	errUsed := errors.New("used")
	allow := func(used bool) error {
		if used {
			return errUsed
		}
		return nil
	}
	deletes := []func(context.Context, func(bool) error) error{
		func(ctx context.Context, f func(bool) error) error {
			return db.RecordingConfigurations().Delete(ctx, c.Recording, f)
		},
		func(ctx context.Context, f func(bool) error) error {
			return db.RestrictionPolicies().Delete(ctx, c.Restriction, f)
		},
		func(ctx context.Context, f func(bool) error) error {
			return db.AdConfigurations().Delete(ctx, c.AdConfiguration, f)
		},
	}
	for i, del := range deletes {
		if err := del(t.Context(), allow); !errors.Is(err, errUsed) {
			t.Errorf("delete %d while a channel points to it: %v, want %v", i, err, errUsed)
		}
	}
	_, err := db.UpdateChannel(t.Context(), c.ARN, func(c *ivs.Channel, _ bool) error {
		c.Recording, c.Restriction, c.AdConfiguration = ivs.ARN{}, ivs.ARN{}, ivs.ARN{}
		return nil
	})
	must(t, "UpdateChannel", err)
	deletes = append(deletes, func(ctx context.Context, f func(bool) error) error {
		return db.PlaybackKeyPairs().Delete(ctx, k.ARN, f)
	})
	for i, del := range deletes {
		must(t, fmt.Sprint("delete ", i), del(t.Context(), allow))
		wantCode(t, fmt.Sprint("delete again ", i), del(t.Context(), allow), ivs.NotFound)
	}
}

func resourceReference(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	good := prepare(t, db, fullChannel())
	for name, lack := range map[string]func(*ivs.Channel){
		"recording":   func(c *ivs.Channel) { c.Recording = newARN(ivs.KindRecordingConfiguration) },
		"restriction": func(c *ivs.Channel) { c.Restriction = newARN(ivs.KindPlaybackRestrictionPolicy) },
		"ads":         func(c *ivs.Channel) { c.AdConfiguration = newARN(ivs.KindAdConfiguration) },
	} {
		c := good
		lack(&c)
		wantCode(t, "CreateChannel with another "+name, db.CreateChannel(t.Context(), c, ivs.NewStreamKey(c.ARN, nil), many), ivs.NotFound)
	}
	must(t, "CreateChannel", db.CreateChannel(t.Context(), good, ivs.NewStreamKey(good.ARN, nil), many))
	_, err := db.UpdateChannel(t.Context(), good.ARN, func(c *ivs.Channel, _ bool) error {
		c.Name, c.Recording = "never", newARN(ivs.KindRecordingConfiguration)
		return nil
	})
	wantCode(t, "UpdateChannel", err, ivs.NotFound)
	if got, err := db.Channel(t.Context(), good.ARN); err != nil || !reflect.DeepEqual(got, good) {
		t.Errorf("afterwards %+v, %v; want %+v", got, err, good)
	}
}

func keyPairOnce(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t)).PlaybackKeyPairs()
	must(t, "Create", db.Create(t.Context(), keyPair("0a:1b"), 1))
	wantCode(t, "the same key under another ARN, over the limit too", db.Create(t.Context(), keyPair("0a:1b"), 1), ivs.Conflict)
	wantCode(t, "another key over the limit", db.Create(t.Context(), keyPair("0a:1c"), 1), ivs.QuotaExceeded)
	var made, refused atomic.Int64
	inParallel(writers, func(int) {
		switch err := db.Create(t.Context(), keyPair("ff:ff"), many); {
		case err == nil:
			made.Add(1)
		case ivs.CodeOf(err) == ivs.Conflict:
			refused.Add(1)
		default:
			t.Errorf("Create: %v", err)
		}
	})
	if made.Load() != 1 || refused.Load() != writers-1 {
		t.Errorf("%d made, %d refused, want 1 and %d", made.Load(), refused.Load(), writers-1)
	}
}

func resourceTags(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := recordingConfiguration()
	must(t, "Create", db.RecordingConfigurations().Create(t.Context(), c, many))
	p := restrictionPolicy()
	must(t, "Create", db.RestrictionPolicies().Create(t.Context(), p, many))
	a := adConfiguration()
	must(t, "Create", db.AdConfigurations().Create(t.Context(), a, many))
	k := keyPair("0a:1b")
	must(t, "Create", db.PlaybackKeyPairs().Create(t.Context(), k, many))
	for _, arn := range []ivs.ARN{c.ARN, p.ARN, a.ARN, k.ARN} {
		must(t, "UpdateTags", db.UpdateTags(t.Context(), arn, func(tags ivs.Tags) error {
			clear(tags)
			tags["only"] = "one"
			return nil
		}))
		if got, err := db.Tags(t.Context(), arn); err != nil || !reflect.DeepEqual(got, ivs.Tags{"only": "one"}) {
			t.Errorf("Tags(%s) = %v, %v", arn, got, err)
		}
		none := ivs.NewARN("us-east-1", "123456789012", arn.Kind)
		_, err := db.Tags(t.Context(), none)
		wantCode(t, "tags of none", err, ivs.NotFound)
	}
	c.Tags = ivs.Tags{"only": "one"}
	if got, err := db.Recording(t.Context(), c.ARN); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("with new tags %+v, %v; want %+v", got, err, c)
	}
}

// quotaKept has 16 writers make and delete, and looks that there are never more
// than allowed, and exactly as many as allowed in the end.
func quotaKept(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	const limit = 3
	policies := db.RestrictionPolicies()
	crowd(t, "policies", limit, func(ctx context.Context) (ivs.ARN, error) {
		p := restrictionPolicy()
		return p.ARN, policies.Create(ctx, p, limit)
	}, func(ctx context.Context, arn ivs.ARN) error {
		return policies.Delete(ctx, arn, func(bool) error { return nil })
	}, func(ctx context.Context) (int, error) {
		page, err := policies.List(ctx, 0, many)
		return len(page.Items), err
	})
	crowd(t, "channels", limit, func(ctx context.Context) (ivs.ARN, error) {
		c := ivs.Channel{ARN: newChannelARN(), SRTPassphrase: ivs.NewPassphrase()}
		return c.ARN, db.CreateChannel(ctx, c, ivs.NewStreamKey(c.ARN, nil), limit)
	}, func(ctx context.Context, arn ivs.ARN) error {
		return db.DeleteChannel(ctx, arn, func(bool) error { return nil })
	}, func(ctx context.Context) (int, error) {
		page, err := db.Channels(ctx, ivs.ChannelFilter{}, 0, many)
		return len(page.Items), err
	})
}

func crowd(t *testing.T, what string, limit int, create func(context.Context) (ivs.ARN, error),
	remove func(context.Context, ivs.ARN) error, count func(context.Context) (int, error),
) {
	t.Helper()
	var refused atomic.Int64
	inParallel(writers, func(i int) {
		for round := range 4 {
			arn, err := create(t.Context())
			if ivs.CodeOf(err) == ivs.QuotaExceeded {
				refused.Add(1)
				continue
			}
			if err != nil {
				t.Errorf("create: %v", err)
				return
			}
			if n, err := count(t.Context()); err != nil || n > limit {
				t.Errorf("there are %d %s, %v; at most %d are allowed", n, what, err, limit)
			}
			if (i+round)%2 == 0 {
				if err := remove(t.Context(), arn); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		}
	})
	if refused.Load() == 0 {
		t.Error("nothing was refused")
	}
	for {
		if _, err := create(t.Context()); err != nil {
			wantCode(t, "one more", err, ivs.QuotaExceeded)
			break
		}
	}
	if n, err := count(t.Context()); err != nil || n != limit {
		t.Errorf("in the end there are %d %s, %v; want %d", n, what, err, limit)
	}
}

// noDanglingReference attaches and deletes at the same time: one of the two is
// refused.
func noDanglingReference(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	errUsed := errors.New("used")
	for round := range 12 {
		c := plain(t, db)
		r := recordingConfiguration()
		must(t, "Create", db.RecordingConfigurations().Create(t.Context(), r, many))
		var attached, deleted error
		inParallel(2, func(i int) {
			if (i+round)%2 == 0 {
				_, attached = db.UpdateChannel(t.Context(), c.ARN, func(c *ivs.Channel, _ bool) error {
					c.Recording = r.ARN
					return nil
				})
				return
			}
			deleted = db.RecordingConfigurations().Delete(t.Context(), r.ARN, func(used bool) error {
				if used {
					return errUsed
				}
				return nil
			})
		})
		attachedFirst := attached == nil && errors.Is(deleted, errUsed)
		deletedFirst := deleted == nil && ivs.CodeOf(attached) == ivs.NotFound
		if !attachedFirst && !deletedFirst {
			t.Errorf("attached: %v, deleted: %v; want exactly one of them done", attached, deleted)
		}
	}
}

func noLostResource(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	p := restrictionPolicy()
	p.Name = "0"
	must(t, "Create", db.RestrictionPolicies().Create(t.Context(), p, many))
	const each = 6
	inParallel(writers, func(i int) {
		for n := range each {
			_, err := db.RestrictionPolicies().Update(t.Context(), p.ARN, func(p *ivs.RestrictionPolicy) error {
				was, _ := strconv.Atoi(p.Name)
				p.Name = strconv.Itoa(was + 1)
				return nil
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
			err = db.UpdateTags(t.Context(), p.ARN, func(tags ivs.Tags) error {
				tags[strconv.Itoa(i*each+n)] = ""
				return nil
			})
			if err != nil {
				t.Errorf("UpdateTags: %v", err)
			}
		}
	})
	got, err := db.RestrictionPolicies().Get(t.Context(), p.ARN)
	if want := writers * each; err != nil || got.Name != strconv.Itoa(want) || len(got.Tags) != want+1 {
		t.Errorf("counted to %s with %d tags, %v; want %d", got.Name, len(got.Tags), err, want)
	}
}

var (
	_ control.Resources[ivs.RecordingConfiguration] = (*store.Resources[ivs.RecordingConfiguration])(nil)
	_ control.Resources[ivs.RestrictionPolicy]      = (*store.Resources[ivs.RestrictionPolicy])(nil)
)
