// Package trace keeps the account of what an encoder and the server said to each
// other and what was decided, for whoever asks why a stream did not start or did
// not last. It holds no stream key and no passphrase.
//
// It keeps an account in memory; packages session and store see that it outlives
// the session.
package trace

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"openivs/internal/ivs"
)

const (
	// MaxBytes is the most that an account has, as JSON.
	MaxBytes = 64 << 10

	// maxOpening is how much of that the first entries have for ever; of the others
	// the newest are kept.
	maxOpening = 16 << 10

	// maxUnjoined is the most that a connection holds before it has a session.
	maxUnjoined = 8 << 10

	// maxText is how many bytes the text of an entry has.
	maxText = 1000

	// maxHidden is how many secrets are looked for: those of the session, and of
	// who wanted to take it over last.
	maxHidden = 16

	// overhead is more than an entry has besides its text, as JSON.
	overhead = 180
)

// An Entry is one thing that was said or decided.
type Entry struct {
	At    time.Time `json:"at"`
	Peer  int       `json:"peer,omitempty"` // which connection of the session's, from 1; 0: none
	What  string    `json:"what"`           // a word
	Text  string    `json:"text"`
	Times int       `json:"times,omitempty"` // how often in a row, if more than once
	Last  time.Time `json:"last,omitzero"`   // the last time then
}

// An Account is what is kept, the oldest first.
type Account struct {
	Entries []Entry `json:"entries"`
	Omitted int     `json:"omitted,omitempty"` // further entries, for which there was no room
}

// Parse reads what JSON returned. Nothing is an empty account.
func Parse(text string) (Account, error) {
	var a Account
	if text == "" {
		return a, nil
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, fmt.Errorf("read an account: %w", err)
	}
	return a, nil
}

// JSON is the account as it is stored.
func (a Account) JSON() string {
	b, err := json.Marshal(a)
	if err != nil {
		return "" // a time outside of the years that JSON has
	}
	return string(b)
}

// A Log is the account of one session while it grows. Nil keeps nothing.
type Log struct {
	mu      sync.Mutex
	opening []Entry
	recent  []Entry
	size    int // of recent
	first   int // size of opening
	full    bool
	omitted int
	changes int
	peers   int
	hidden  []string // as they came
	longest []string // the same, the longest first, as one may be part of another
	guests  pace
}

// New returns an empty log that hides secrets.
func New(secrets ...ivs.Secret) *Log {
	l := new(Log)
	l.Hide(secrets...)
	return l
}

// Hide replaces secrets in what was noted and in what will be.
func (l *Log) Hide(secrets ...ivs.Secret) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := len(l.hidden)
	for _, s := range secrets {
		if s != "" && !slices.Contains(l.hidden, string(s)) {
			l.hidden = append(l.hidden, string(s))
		}
	}
	if len(l.hidden) == known {
		return
	}
	if n := len(l.hidden) - maxHidden; n > 0 {
		l.hidden = slices.Delete(l.hidden, maxHidden/2, maxHidden/2+n) // the session's own are the first
	}
	l.longest = slices.SortedFunc(slices.Values(l.hidden), func(a, b string) int { return len(b) - len(a) })
	for _, list := range [...][]Entry{l.opening, l.recent} {
		for i := range list {
			list[i].Text = l.scrub(list[i].Text)
		}
	}
}

// scrub replaces the secrets. The caller has mu.
func (l *Log) scrub(s string) string {
	for _, h := range l.longest {
		s = strings.ReplaceAll(s, h, "[secret]")
	}
	return s
}

// Note notes what happened to the session.
func (l *Log) Note(what, format string, args ...any) {
	l.add(0, what, fmt.Sprintf(format, args...))
}

// Turned notes that somebody was not let in. When many are, few are noted.
func (l *Log) Turned(remote string, err error) {
	if l == nil || err == nil {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	text := Host(remote) + " was refused: " + err.Error()
	switch {
	case l.again(0, "refused", text, now):
	case l.guests.may(now, 16, 10*time.Second):
		l.put(Entry{At: now, What: "refused", Text: text})
	default:
		l.omit()
	}
}

func (l *Log) add(peer int, what, text string) {
	if l == nil {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.again(peer, what, text, now) {
		l.put(Entry{At: now, Peer: peer, What: what, Text: text})
	}
}

// again counts what is the same as the entry before. The caller has mu.
func (l *Log) again(peer int, what, text string, now time.Time) bool {
	e := l.newest()
	if e == nil || e.Peer != peer || e.What != what || e.Text != l.fit(text) {
		return false
	}
	e.Times, e.Last = max(e.Times, 1)+1, now.UTC()
	l.changes++
	return true
}

// newest is the last entry, or nil. The caller has mu.
func (l *Log) newest() *Entry {
	switch {
	case len(l.recent) > 0:
		return &l.recent[len(l.recent)-1]
	case len(l.opening) > 0:
		return &l.opening[len(l.opening)-1]
	}
	return nil
}

// fit makes a text fit to be kept: without secrets, valid, and not too long.
func (l *Log) fit(s string) string {
	s = strings.ToValidUTF8(l.scrub(s), "?")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// put appends an entry, and drops what there is no room for. The caller has mu.
func (l *Log) put(e Entry) {
	e.At, e.Text = e.At.UTC(), l.fit(e.Text)
	l.changes++
	n := e.size()
	if !l.full && l.first+n <= maxOpening {
		l.opening, l.first = append(l.opening, e), l.first+n
		return
	}
	l.full = true
	l.recent, l.size = append(l.recent, e), l.size+n
	drop := 0
	for ; l.size > MaxBytes-maxOpening-overhead; drop++ {
		l.size -= l.recent[drop].size()
	}
	if drop > 0 {
		l.omitted += drop
		l.recent = append([]Entry(nil), l.recent[drop:]...)
	}
}

// size is at least what an entry has as JSON: a byte of text may become six.
func (e Entry) size() int {
	b, err := json.Marshal(e.Text)
	if err != nil {
		return overhead
	}
	return len(b) + overhead
}

// omit counts what is not kept. The caller has mu.
func (l *Log) omit() {
	l.omitted++
	l.changes++
}

// Account returns what is kept by now, and a number that grows with each change.
func (l *Log) Account() (a Account, changes int) {
	if l == nil {
		return Account{}, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return Account{Entries: append(append([]Entry(nil), l.opening...), l.recent...), Omitted: l.omitted}, l.changes
}

// Changes is a number that grows with each change.
func (l *Log) Changes() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

// A pace allows some at once, and then one now and then.
type pace struct {
	left float64
	at   time.Time // zero: nothing was asked yet
}

// may reports whether one more is allowed, of burst at once and one each every.
func (p *pace) may(now time.Time, burst float64, every time.Duration) bool {
	if p.at.IsZero() {
		p.left = burst
	} else {
		p.left = min(burst, p.left+now.Sub(p.at).Seconds()/every.Seconds())
	}
	p.at = now
	if p.left < 1 {
		return false
	}
	p.left--
	return true
}
