package store_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func backupClauses() []clause {
	return []clause{
		{"a backup holds every table and column", backupWhole},
		{"a backup needs no server", backupStopped},
		{"a backup taken while writers run is of one moment", backupConsistent},
		{"a damaged or foreign backup changes nothing", backupDamaged},
	}
}

func jsonLog(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }

func unzip(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	must(t, "unzip", err)
	out, err := io.ReadAll(z)
	must(t, "unzip", err)
	return out
}

func zip(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	must(t, "zip", err)
	must(t, "zip", z.Close())
	return out.Bytes()
}

// backup makes a backup as the command does: beside the running server.
func backup(t testing.TB, url string) []byte {
	t.Helper()
	db := openAs(t, store.Options{URL: url, Mode: store.Reader})
	var out bytes.Buffer
	must(t, "Backup", db.Backup(t.Context(), &out))
	return out.Bytes()
}

// fill puts something into every table.
func fill(t testing.TB, db *store.DB, url string) (ivs.Channel, ivs.StreamKey, ivs.Session) {
	t.Helper()
	c, k := create(t, db, fullChannel())
	open2 := begin(t, db, plain(t, db), noon())
	s := begin(t, db, c, noon())
	s.Ingest, s.Reason, s.Recording = &ivs.Ingest{Video: []ivs.VideoIngest{{Encoder: "é\"\\\n"}}}, "why", []byte(`{"a":1}`)
	s = end(t, db, s, noon().Add(time.Minute))
	must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), store.AccessKey{ID: "AKIA1", Secret: "secret", Created: noon()}))
	must(t, "Create", db.PlaybackKeyPairs().Create(t.Context(), keyPair("00:11"), many))
	must(t, "Revoke", db.Revoke(t.Context(), ivs.Revocation{Channel: c.ARN, Viewer: "ünï", Version: 7}))
	b := ivs.NewAdBreak(open2.StreamID, time.Minute, noon())
	ev, err := b.Event(open2, noon())
	must(t, "Event", err)
	must(t, "InsertAdBreak", db.InsertAdBreak(t.Context(), b, ev))
	mustExec(t, raw(t, url), `INSERT INTO sinks (name, event) VALUES ('hook', 2)`)
	old := begin(t, db, c, noon().Add(-48*time.Hour)) // whose events wait for the sink
	end(t, db, old, noon().Add(-48*time.Hour))
	_, err = db.ForgetSessions(t.Context(), noon(), 10)
	must(t, "ForgetSessions", err)
	return c, k, s
}

// dump returns a backup without what says when it was made, and without the
// proof of the key, which differs each time.
func dump(t testing.TB, url string) string {
	t.Helper()
	var out []string
	for i, line := range strings.Split(string(unzip(t, backup(t, url))), "\n") {
		if i > 0 && !strings.HasPrefix(line, `["key_check"`) && !strings.Contains(line, "sha256") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func backupWhole(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	c, k, s := fill(t, db, url)
	want := dump(t, url)
	if n := strings.Count(want, ",null,"); n != 3 {
		t.Errorf("%d values are null, want the sessions of three events", n)
	}

	again := e.url(t)
	copied := open(t, again)
	must(t, "Restore", copied.Restore(t.Context(), bytes.NewReader(backup(t, url))))
	if got := dump(t, again); got != want {
		t.Errorf("restored:\n%s\nwant\n%s", got, want)
	}
	if got, err := copied.Publisher(t.Context(), k.Value); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("Publisher = %+v, %v; want %+v", got, err, c)
	}
	before, _ := db.Session(t.Context(), c.ARN, "")
	if got, err := copied.Session(t.Context(), c.ARN, s.StreamID); err != nil || !reflect.DeepEqual(got, before) {
		t.Errorf("Session = %+v, %v; want %+v", got, err, before)
	}
	begin(t, copied, c, noon()) // work goes on, and so do the numbers
	wantCode(t, "restoring twice", copied.Restore(t.Context(), bytes.NewReader(backup(t, url))), ivs.Conflict)
}

// A backup of a server that is down is made as one of a server that runs.
func backupStopped(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	must(t, "Open", err)
	c, _ := create(t, db, fullChannel())
	want := dump(t, url)
	must(t, "Close", db.Close())
	if got := dump(t, url); got != want || !strings.Contains(got, c.ARN.String()) {
		t.Errorf("with the server down:\n%s\nwant\n%s", got, want)
	}
}

func backupConsistent(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	c := plain(t, db)
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() { // waited for below
		s := newSession(c, noon())
		err := db.OpenSession(t.Context(), s, change(s, ivs.SessionCreated, noon()))
		for err == nil && ctx.Err() == nil {
			s.Created = s.Created.Add(time.Microsecond) // counts the saves
			err = db.SaveSession(t.Context(), s, change(s, ivs.StreamStart, s.Created))
			select {
			case written <- struct{}{}:
			default:
			}
		}
		done <- err
	}()
	for range 5 {
		<-written
		url2 := e.url(t)
		copied := open(t, url2)
		must(t, "Restore", copied.Restore(t.Context(), bytes.NewReader(backup(t, url))))
		s, err := copied.Session(t.Context(), c.ARN, "")
		must(t, "Session", err)
		evs, err := copied.SessionEvents(t.Context(), s.StreamID, 1_000_000)
		must(t, "SessionEvents", err)
		if saves := s.Created.Sub(noon()).Microseconds(); int64(len(evs)) != saves+1 || evs[0].Seq != saves+1 {
			t.Errorf("%d events for %d saves", len(evs), saves)
		}
	}
	stop()
	must(t, "the writer", <-done)
}

func backupDamaged(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	fill(t, db, url)
	good := unzip(t, backup(t, url))
	edit := func(old, new string) []byte {
		t.Helper()
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("the backup has no %q", old)
		}
		return zip(t, bytes.Replace(good, []byte(old), []byte(new), 1))
	}
	lines := bytes.SplitAfter(good, []byte("\n"))
	whole := zip(t, good)
	tests := []struct {
		name string
		body []byte
		want string // part of the message
	}{
		{"nothing", nil, "damaged"},
		{"not a backup", []byte("correct horse battery staple"), "damaged"},
		{"another program's", zip(t, []byte("{}\n")), "restore it with the openivs that wrote it"},
		{"a newer schema", edit(`"schema":`, `"schema":9`), "restore it with the openivs that wrote it"},
		{"cut in the middle", whole[:len(whole)/2], "damaged"},
		{"cut before the trailer", zip(t, bytes.Join(lines[:len(lines)-2], nil)), "damaged"},
		{"one letter changed", edit("studio-1", "studio-2"), "damaged"},
		{"a row left out", zip(t, bytes.Join(append(append([][]byte{}, lines[:8]...), lines[9:]...), nil)), "damaged"},
		{"a row twice", edit(`["AKIA1"`, string(lineWith(lines, `["AKIA1"`))+`["AKIA1"`), "damaged"},
		{"a value too few", edit(`["hook",2]`, `["hook"]`), "damaged"},
		{"a text for a number", edit(`["hook",2]`, `["hook","2"]`), "damaged"},
		{"null for a number", edit(`["hook",2]`, `["hook",null]`), "damaged"},
		{"another table", edit(`{"table":"sinks"`, `{"table":"users"`), "damaged"},
		{"something after the end", zip(t, append(bytes.Clone(good), "[]\n"...)), "damaged"},
		{"an endless line", zip(t, bytes.Repeat([]byte{'x'}, 5<<20)), "damaged"},
	}
	empty := e.url(t)
	target := open(t, empty)
	was := dump(t, empty)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := target.Restore(t.Context(), bytes.NewReader(tt.body))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Restore: %v, want an error with %q", err, tt.want)
			}
			if got := dump(t, empty); got != was {
				t.Errorf("something was left behind:\n%s", got)
			}
		})
	}
	t.Run("another master key", func(t *testing.T) {
		other := openAs(t, store.Options{URL: e.url(t), Key: masterKey(t, 2)})
		wantCode(t, "Restore", other.Restore(t.Context(), bytes.NewReader(whole)), ivs.Invalid)
		if _, err := other.AccessKeys(t.Context()); err != nil {
			t.Error(err)
		}
	})
	must(t, "the good one", target.Restore(t.Context(), bytes.NewReader(whole)))
}

func lineWith(lines [][]byte, prefix string) []byte {
	for _, l := range lines {
		if bytes.HasPrefix(l, []byte(prefix)) {
			return l
		}
	}
	return nil
}
