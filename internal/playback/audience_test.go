package playback

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
)

var testKey = []byte("a key of tests")

func arn(id string) ivs.ARN {
	return ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindChannel, ID: id}
}

// join invites a viewer who is expected to be.
func join(tb testing.TB, a *Audience, channel string) string {
	tb.Helper()
	ticket, _, why := a.invite(arn(channel), rights{})
	if why != 0 {
		tb.Fatalf("invite: %d", why)
	}
	return ticket
}

// poll asks for a media playlist again and again for d.
func poll(a *Audience, ticket string, every, d time.Duration) (why failure) {
	for begin := time.Now(); time.Since(begin) < d && why == 0; <-time.After(every) {
		_, why = a.admit(ticket, true)
	}
	return why
}

// expect compares how many watch "abc".
func expect(t *testing.T, a *Audience, want int, when string) {
	t.Helper()
	if got := a.Viewers(arn("abc")); got != want {
		t.Errorf("%s: %d viewers, want %d", when, got, want)
	}
}

func TestViewerCountsWhileItPolls(t *testing.T) {
	for name, every := range map[string]time.Duration{"low latency": 200 * time.Millisecond, "normal": 6 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &Audience{Key: testKey}
				ticket := join(t, a, "abc")
				<-time.After(5 * time.Second)
				expect(t, a, 0, "with a ticket alone")
				go poll(a, ticket, every, time.Hour)
				<-time.After(censusAge + time.Millisecond)
				expect(t, a, 1, "a second after the first playlist")
				for range 10 {
					<-time.After(6 * time.Minute)
					expect(t, a, 1, "while it polls")
				}
				<-time.After(time.Minute)
				expect(t, a, 0, "a minute after it left")
				synctest.Wait()
			})
		})
	}
}

func TestViewersAreCountedByChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Audience{Key: testKey}
		for i := range 300 {
			if _, why := a.admit(join(t, a, []string{"abc", "def", "def"}[i%3]), true); why != 0 {
				t.Fatal(why)
			}
		}
		<-time.After(2 * time.Second)
		expect(t, a, 100, "of three hundred")
		if got := a.Viewers(arn("def")); got != 200 {
			t.Errorf("%d viewers of the other channel, want 200", got)
		}
		if got := a.Viewers(arn("nobody")); got != 0 {
			t.Errorf("%d viewers of a channel nobody watches", got)
		}
		other := arn("abc")
		other.Account = "999999999999"
		if got := a.Viewers(other); got != 0 {
			t.Errorf("%d viewers of another account", got)
		}
	})
}

func TestTicketLife(t *testing.T) {
	const h = time.Hour
	many := func(every, until time.Duration) (at []time.Duration) {
		for d := every; d <= until; d += every {
			at = append(at, d)
		}
		return at
	}
	for _, tc := range []struct {
		name    string
		used    []time.Duration // times since its issue
		restart time.Duration   // 0: none
		at      time.Duration
		want    failure
	}{
		{"at once", nil, 0, 0, 0},
		{"an hour unused", nil, 0, h, 0},
		{"two hours unused", nil, 0, 2*h + time.Second, forbidden},
		{"used early, an hour later", []time.Duration{h / 2}, 0, h + h/2, 0},
		{"used late, an hour later", []time.Duration{h + h/2}, 0, 2*h + h/2 - time.Second, 0},
		{"used late, more than an hour later", []time.Duration{h + h/2}, 0, 2*h + h/2, forbidden},
		{"used for two days", many(50*time.Minute, 48*h), 0, 48*h + h/4, 0},
		{"used for two days, then not", many(50*time.Minute, 48*h), 0, 50 * h, forbidden},
		{"used until a restart", many(time.Minute, 5*h), 5 * h, 5*h + time.Minute, 0},
		{"used across a restart", many(time.Minute, 9*h), 5 * h, 9*h + time.Minute, 0},
		{"not used since a restart", many(time.Minute, 5*h), 5 * h, 6*h + time.Second, forbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, begin := &Audience{Key: testKey}, time.Now()
				ticket := join(t, a, "abc")
				until := func(d time.Duration) {
					for time.Since(begin) < d {
						<-time.After(min(10*time.Second, d-time.Since(begin)))
						a.census(a.clock()) // somebody always asks how many watch
					}
					if tc.restart > 0 && d >= tc.restart {
						tc.restart = 0
						a = &Audience{Key: testKey}
						a.clock()
					}
				}
				for _, d := range tc.used {
					until(d)
					if _, why := a.admit(ticket, true); why != 0 {
						t.Fatalf("after %v: failure %d", d, why)
					}
				}
				until(max(tc.restart, 0))
				until(tc.at)
				if _, why := a.admit(ticket, true); why != tc.want {
					t.Errorf("failure %d, want %d", why, tc.want)
				}
			})
		})
	}
}

func TestTicketsOfOthersAreRefused(t *testing.T) {
	a := &Audience{Key: testKey}
	ticket := join(t, a, "abc")
	stranger := &Audience{Key: []byte("another key")}
	raw, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) string {
		b := append([]byte(nil), raw...)
		b[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(b)
	}
	bad := map[string]string{
		"signed by another": join(t, stranger, "abc"), "nothing": "", "a word": "ticket", "padded": ticket + "=",
		"longer": ticket + "AAAA", "shorter": ticket[:len(ticket)-4], "with a line break": ticket[:8] + "\n" + ticket[8:],
		"endless": strings.Repeat("A", 1<<20), "only a signature": base64.RawURLEncoding.EncodeToString(raw[len(raw)-macSize:]),
	}
	for i := range raw {
		bad[fmt.Sprint("another byte ", i)] = flip(i)
	}
	for name, text := range bad {
		if _, why := a.admit(text, true); why != forbidden {
			t.Errorf("%s: failure %d, want it forbidden", name, why)
		}
	}
	if in, why := a.admit(ticket, true); why != 0 || in.channel != arn("abc") {
		t.Errorf("the ticket itself: %v, failure %d", in.channel, why)
	}
}

func TestNoMoreViewersThanTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		begin := time.Now()
		a := &Audience{Key: testKey, Limit: 10, Full: func(limit int) {
			if limit != 10 {
				t.Errorf("told of a limit of %d", limit)
			}
			told = append(told, time.Since(begin))
		}}
		var present []string
		late := join(t, a, "abc")
		for range 10 {
			ticket := join(t, a, "abc")
			present = append(present, ticket)
			go poll(a, ticket, 5*time.Second, 5*time.Minute)
		}
		<-time.After(2 * time.Second)
		for range 100 {
			if _, _, why := a.invite(arn("abc"), rights{}); why != houseFull {
				t.Fatalf("the eleventh is invited: %d", why)
			}
			if _, why := a.admit(late, true); why != houseFull {
				t.Fatalf("the eleventh is let in: %d", why)
			}
			if in, why := a.admit(late, false); why != 0 || in.channel != arn("abc") {
				t.Fatalf("one who only looks is refused: %d", why)
			}
			for _, p := range present {
				if _, why := a.admit(p, true); why != 0 {
					t.Fatalf("one who watches is refused: %d", why)
				}
			}
			<-time.After(time.Second)
			expect(t, a, 10, "while it is full")
		}
		if len(told) != 2 || told[0] > 5*time.Second || told[1]-told[0] < time.Minute {
			t.Errorf("told at %v, want once a minute", told)
		}
		<-time.After(4 * time.Minute)
		if why := poll(a, late, time.Second, 10*time.Second); why != 0 {
			t.Errorf("one is refused when the others have left: %d", why)
		}
		expect(t, a, 1, "when the others have left")
	})
}

func TestVisitThatCameToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Audience{Key: testKey}
		ticket := join(t, a, "abc")
		failed, _ := a.admit(ticket, true)
		a.leave(failed)
		expect(t, a, 0, "after a visit that failed")
		failed, _ = a.admit(ticket, true)
		<-time.After(2 * time.Second)
		good, _ := a.admit(ticket, true)
		a.leave(failed)
		<-time.After(2 * time.Second)
		expect(t, a, 1, "after one that failed and one that did not")
		a.leave(good)
		<-time.After(2 * time.Second)
		expect(t, a, 1, "after a playlist that one who watches did not get")
		if got := a.total.Load(); got != 1 {
			t.Errorf("%d in all, want 1", got)
		}
	})
}

// known is how many viewers take memory.
func (a *Audience) known() (n int) {
	for i := range a.shards {
		a.shards[i].mu.Lock()
		n += len(a.shards[i].viewers)
		a.shards[i].mu.Unlock()
	}
	return n
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 640
		a := &Audience{Key: testKey, Limit: limit}
		var tickets []string
		for range 40 * limit {
			tickets = append(tickets, join(t, a, "abc"))
		}
		if n := a.known(); n != 0 {
			t.Errorf("%d viewers are known who only asked at the playback URL", n)
		}
		// Each batch is old enough to be remembered when it leaves.
		<-time.After(90 * time.Minute)
		for i, ticket := range tickets {
			if i%limit == 0 {
				<-time.After(watching + time.Second)
			}
			if _, why := a.admit(ticket, true); why != 0 {
				t.Fatalf("viewer %d: failure %d", i, why)
			}
		}
		if n, most := a.known(), remembered*limit+shards*shards; n > most {
			t.Errorf("%d viewers are known, want at most %d", n, most)
		}
		<-time.After(2 * time.Hour)
		expect(t, a, 0, "hours later")
		if n := a.known(); n != 0 {
			t.Errorf("%d viewers are known hours later", n)
		}
	})
}

func TestManyViewersAtOnce(t *testing.T) {
	const limit = 1000
	a := &Audience{Key: testKey, Limit: limit}
	a.clock()
	var all sync.WaitGroup
	var in, out atomic.Int64
	for range 16 {
		all.Go(func() {
			for range 200 {
				ticket := a.office.issue(arn("abc"), newViewerID(), rights{}, time.Now())
				for range 3 {
					if _, why := a.admit(ticket, true); why == 0 {
						in.Add(1)
					} else {
						out.Add(1)
					}
				}
				a.Viewers(arn("abc"))
			}
		})
	}
	all.Wait()
	a.newest.Store(&census{at: -time.Hour})
	expect(t, a, limit, "in all")
	if a.total.Load() != limit || in.Load() != 3*limit || out.Load() != 3*(16*200-limit) {
		t.Errorf("%d watch after %d playlists and %d refusals", a.total.Load(), in.Load(), out.Load())
	}
}

func FuzzTicket(f *testing.F) {
	a := &Audience{Key: testKey}
	a.clock()
	f.Add("")
	f.Add(a.office.issue(arn("abc"), viewerID{1}, rights{}, time.Unix(1_700_000_000, 0)))
	f.Add(a.office.issue(arn(strings.Repeat("a", 90)), viewerID{2}, rights{private: true, strict: true, origins: []string{"https://*.example.com", "https://a.example"}, most: 720, viewer: "ada", version: 7}, time.Unix(1<<40, 0)))
	f.Fuzz(func(t *testing.T, text string) {
		p := a.office.pen()
		tk, ok := a.office.read(p, text)
		if !ok {
			return
		}
		if again := a.office.issue(tk.channel(), tk.viewer(), tk.rights(), tk.issued()); again != text {
			t.Errorf("%q is also %q", text, again)
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	a := &Audience{Key: testKey, Limit: 20000}
	tickets := make([]string, 10000)
	for i := range tickets {
		tickets[i] = join(b, a, "abc")
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, why := a.admit(tickets[i%len(tickets)], true); why != 0 {
				b.Error(why)
			}
		}
	})
}

func BenchmarkCensus(b *testing.B) {
	a := &Audience{Key: testKey, Limit: 20000}
	for range 15000 {
		if _, why := a.admit(join(b, a, "abc"), true); why != 0 {
			b.Fatal(why)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		a.newest.Store(&census{at: -time.Hour})
		a.census(a.clock())
	}
}
