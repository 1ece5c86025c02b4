package store_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

// crashDatabase tells a child process which database to write to until it is
// killed.
const crashDatabase = "OPENIVS_TEST_CRASH_DATABASE"

// After kill -9 in the middle of writing, everything that had been answered is
// there, and a state has exactly its events.
func TestNothingAnsweredIsLostInACrash(t *testing.T) {
	if path := os.Getenv(crashDatabase); path != "" {
		writeUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "openivs.db")
	var saves int64 // acknowledged by the child before it was killed
	var channel ivs.ARN
	for round, kill := range []int64{1, 2, 37, 150} {
		answered := crash(t, path, kill)
		db, err := store.Open(t.Context(), store.Options{URL: path, Key: masterKey(t, 1)})
		must(t, "Open", err)
		if round == 0 {
			page, err := db.Channels(t.Context(), ivs.ChannelFilter{}, 0, 1)
			if err != nil || len(page.Items) != 1 {
				t.Fatalf("the channel: %v, %v", page, err)
			}
			channel = page.Items[0].ARN
		}
		s, err := db.Session(t.Context(), channel, "")
		must(t, "Session", err)
		stored := s.Started.Sub(s.Created).Microseconds()
		if stored < saves+answered || stored > saves+answered+1 {
			t.Errorf("round %d: %d saves are stored, %d were answered", round, stored, saves+answered)
		}
		evs, err := db.SessionEvents(t.Context(), s.StreamID, 1_000_000)
		if err != nil || int64(len(evs)) != stored+1 || evs[0].Seq != stored+1 {
			t.Errorf("round %d: %d events, %v; want one a save and one at the start of %d", round, len(evs), err, stored)
		}
		if behind := stored - s.LastMedia.Sub(s.Created).Microseconds(); behind != 0 && behind != 1 {
			t.Errorf("round %d: the checkpoint is %d saves behind", round, behind)
		}
		saves = stored
		must(t, "Close", db.Close())
	}
}

// crash runs a child until it has been answered n times, kills it and returns
// how often it was answered in all.
func crash(t *testing.T, path string, n int64) int64 {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), crashDatabase+"="+path)
	out, err := child.StdoutPipe()
	must(t, "pipe", err)
	must(t, "start", child.Start())
	var answered int64
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		v, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			t.Fatalf("the child said %q", lines.Text())
		}
		if answered = v; answered == n {
			must(t, "kill", child.Process.Kill())
		}
	}
	_ = child.Wait() // it was killed
	if answered < n {
		t.Fatalf("the child ended after %d answers", answered)
	}
	return answered
}

func writeUntilKilled(t *testing.T, path string) {
	t.Helper()
	db := open(t, path)
	sessions, err := db.OpenSessions(t.Context())
	must(t, "OpenSessions", err)
	if len(sessions) == 0 {
		sessions = append(sessions, begin(t, db, plain(t, db), noon()))
		sessions[0].Started = sessions[0].Created
	}
	s := sessions[0]
	for answered := 1; ; answered++ {
		s.Started = s.Started.Add(time.Microsecond) // counts the saves
		must(t, "SaveSession", db.SaveSession(t.Context(), s, change(s, ivs.StreamStart, s.Started)))
		_, err := os.Stdout.WriteString(strconv.Itoa(answered) + "\n")
		must(t, "tell", err)
		must(t, "Checkpoint", db.Checkpoint(t.Context(), map[string]time.Time{s.StreamID: s.Started}))
	}
}
