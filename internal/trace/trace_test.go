package trace_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/trace"
)

const key = "sk_us-east-1_AbCdEfGhIjKl_0123456789abcdef"

func texts(l *trace.Log) string {
	a, _ := l.Account()
	var b strings.Builder
	for _, e := range a.Entries {
		fmt.Fprintf(&b, "%d %s: %s\n", e.Peer, e.What, e.Text)
	}
	return b.String()
}

func TestAConnectionJoinsTheAccountOfItsSession(t *testing.T) {
	var first, second trace.Peer
	first.Note("connected", "from %s", "192.0.2.1:5000")
	l := trace.New()
	first.Join(l)
	l.Note("session", "begins")
	second.Note("connected", "too")
	second.Join(l)
	first.Last("disconnected", "it left")
	want := "1 connected: from 192.0.2.1:5000\n0 session: begins\n2 connected: too\n1 disconnected: it left\n"
	if got := texts(l); got != want {
		t.Errorf("the account is\n%swant\n%s", got, want)
	}
	a, changes := l.Account()
	if again, err := trace.Parse(a.JSON()); err != nil || len(again.Entries) != 4 || again.Entries[3].Text != "it left" || !again.Entries[0].At.Equal(a.Entries[0].At) {
		t.Errorf("it is read back as %+v, %v", again, err)
	}
	if changes != l.Changes() {
		t.Errorf("%d changes, then %d", changes, l.Changes())
	}
	if _, err := trace.Parse("{"); err == nil {
		t.Error("what is no account is read as one")
	}
}

func TestWhatKeepsNothingMayBeUsed(t *testing.T) {
	var p *trace.Peer
	var l *trace.Log
	p.Note("a", "b")
	p.Last("a", "b")
	p.Join(l)
	l.Note("a", "b")
	l.Turned("a", errors.New("b"))
	l.Hide("x")
	if a, n := l.Account(); len(a.Entries) != 0 || n != 0 || l.Changes() != 0 {
		t.Errorf("it kept %+v", a)
	}
}

func TestSecretsAreHiddenWheneverTheyBecomeKnown(t *testing.T) {
	var p trace.Peer
	p.Note("metadata", "encoder %s", key)
	l := trace.New(ivs.Secret(key))
	p.Join(l)
	l.Note("x", "a passphrase: correct horse")
	l.Hide("correct horse")
	p.Note("y", "again %scorrect horse", key)
	if got, want := texts(l), "1 metadata: encoder [secret]\n0 x: a passphrase: [secret]\n1 y: again [secret][secret]\n"; got != want {
		t.Errorf("the account is\n%swant\n%s", got, want)
	}
}

// TestASecretThatHoldsAnotherIsHiddenWhole has a key inside another, and more secrets
// than are looked for.
func TestASecretThatHoldsAnotherIsHiddenWhole(t *testing.T) {
	l := trace.New("sk_inner", "v1_mac_sk_inner")
	for i := range 100 {
		l.Hide(ivs.Secret(fmt.Sprint("other-", i)))
	}
	l.Note("x", "v1_mac_sk_inner, sk_inner, other-99 and other-77")
	if got, want := texts(l), "0 x: [secret], [secret], [secret] and other-77\n"; got != want {
		t.Errorf("the account is %swant %s", got, want)
	}
}

// TestAnAccountIsBounded has text that JSON makes longer, and looks for the first and
// the last entries.
func TestAnAccountIsBounded(t *testing.T) {
	for name, text := range map[string]string{"long": strings.Repeat("x", 5000), "short": "", "odd": strings.Repeat("\x00<\xff", 500)} {
		l := trace.New()
		l.Note("first", "")
		for i := range 5000 {
			l.Note("n", "%d %s", i, text)
		}
		l.Note("last", "")
		a, _ := l.Account()
		if n := len(a.JSON()); n > trace.MaxBytes || n < trace.MaxBytes/4 {
			t.Errorf("%s: it has %d bytes", name, n)
		}
		if a.Entries[0].What != "first" || a.Entries[len(a.Entries)-1].What != "last" || a.Omitted+len(a.Entries) != 5002 {
			t.Errorf("%s: %d entries and %d omitted, from %s to %s", name, len(a.Entries), a.Omitted, a.Entries[0].What, a.Entries[len(a.Entries)-1].What)
		}
	}
}

func TestWhatRepeatsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := trace.New()
		for i := range 1000 {
			l.Turned(fmt.Sprintf("192.0.2.1:%d", i), errors.New("busy"))
			<-time.After(time.Millisecond)
		}
		a, _ := l.Account()
		if len(a.Entries) != 1 || a.Entries[0].Times != 1000 || a.Omitted != 0 || a.Entries[0].Last.Sub(a.Entries[0].At) != 999*time.Millisecond {
			t.Errorf("the account is %+v", a)
		}
		for i := range 1000 {
			l.Turned(fmt.Sprintf("192.0.%d.1:80", i%2), errors.New("busy"))
		}
		if a, _ := l.Account(); len(a.Entries) > 20 || a.Omitted < 400 {
			t.Errorf("%d entries, %d omitted: strangers push out what matters", len(a.Entries), a.Omitted)
		}
	})
}

func TestAChattyConnectionIsNotListenedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p trace.Peer
		for i := range 1000 {
			p.Note("n", "%d", i)
		}
		l := trace.New()
		p.Join(l)
		if a, _ := l.Account(); len(a.Entries)+a.Omitted != 1000 || len(a.Entries) > 64 {
			t.Errorf("%d entries, %d omitted before it joined", len(a.Entries), a.Omitted)
		}
		for i := range 1000 {
			p.Note("m", "%d", i)
		}
		p.Last("end", "")
		a, _ := l.Account()
		if len(a.Entries)+a.Omitted != 2001 || a.Entries[len(a.Entries)-1].What != "end" {
			t.Errorf("%d entries, %d omitted", len(a.Entries), a.Omitted)
		}
		<-time.After(5 * time.Second)
		p.Note("later", "")
		if a, _ := l.Account(); a.Entries[len(a.Entries)-1].What != "later" {
			t.Error("it is never listened to again")
		}
	})
}

func TestWhatIsShownOfWhatAnEncoderSays(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{trace.Word("app"), "app"},
		{trace.Word(""), "nothing"},
		{trace.Word(key), "42 characters"},
		{trace.Word("a b"), "3 characters"},
		{trace.Path("app"), "app"},
		{trace.Path(""), ""},
		{trace.Path("app/" + key + "?priority=3"), "app/(42 characters)?(10 characters)"},
		{trace.Path("a/b/c/d"), "4 parts"},
		{trace.Address("rtmps://live.example:443/app"), "rtmps://live.example:443/app"},
		{trace.Address("rtmp://me:" + key + "@[::1]:1935/app/" + key), "rtmp://[::1]:1935/app/(42 characters)"},
		{trace.Address("rtmp://" + key), "rtmp://(42 characters)/"},
		{trace.Address(key), "42 characters"},
		{trace.Said("obs-output module (libobs version 29.0.2)"), "obs-output module (libobs version 29.0.2)"},
		{trace.Said("\x00%\"é"), "????"},
		{trace.Said(strings.Repeat("x", 101)), "101 characters"},
		{trace.Arguments(nil), "no arguments"},
		{trace.Arguments(url.Values{"priority": {"3"}, key: {""}, "keyframeInterval": {key}}, "priority", "keyframeInterval"), "arguments: keyframeInterval=42 characters, priority=3, 1 others"},
		{trace.Host("192.0.2.1:5000"), "192.0.2.1"},
		{trace.Host("nowhere"), "nowhere"},
	} {
		if tc.got != tc.want {
			t.Errorf("it shows %q, want %q", tc.got, tc.want)
		}
	}
}

// FuzzShown puts a key where an encoder that is set wrongly may put it.
func FuzzShown(f *testing.F) {
	for _, s := range []string{"app/", "rtmp://host/app/", "rtmp://", "x?", "?", "rtmp://a@b/", "://", ""} {
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		s := before + key + after
		for name, shown := range map[string]string{"Word": trace.Word(s), "Path": trace.Path(s), "Address": trace.Address(s)} {
			if strings.Contains(shown, key) {
				t.Errorf("%s(%q) shows the key", name, s)
			}
			if len(shown) > 400 {
				t.Errorf("%s(%q) has %d bytes", name, s, len(shown))
			}
		}
	})
}
