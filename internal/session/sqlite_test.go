package session_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"openivs/internal/ivs"
	"openivs/internal/seal"
	sqldb "openivs/internal/store"
)

// sqlite is a real database, and what it holds.
type sqlite struct {
	*sqldb.DB
	t   *testing.T
	chs []ivs.Channel
}

func openSQLite(t *testing.T, chs ...ivs.Channel) *sqlite {
	t.Helper()
	key, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: filepath.Join(t.TempDir(), "openivs.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, ch := range chs {
		k := ivs.StreamKey{ARN: ivs.NewARN("us-east-1", "123456789012", ivs.KindStreamKey), Channel: ch.ARN, Value: keyOf(ch), Tags: ivs.Tags{}}
		if err := db.CreateChannel(t.Context(), ch, k, len(chs)); err != nil {
			t.Fatal(err)
		}
	}
	return &sqlite{DB: db, t: t, chs: chs}
}

func (s *sqlite) all() []ivs.Session {
	s.t.Helper()
	var out []ivs.Session
	for _, ch := range s.chs {
		for after := int64(0); ; {
			page, err := s.Sessions(s.t.Context(), ch.ARN, after, 100)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, v := range page.Items {
				out = append(out, s.session(v.StreamID))
			}
			if after = page.Next; after == 0 {
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b ivs.Session) int { return a.Created.Compare(b.Created) })
	return out
}

func (s *sqlite) session(id string) ivs.Session {
	s.t.Helper()
	for _, ch := range s.chs {
		v, err := s.Session(s.t.Context(), ch.ARN, id)
		if err == nil {
			return v
		}
		if ivs.CodeOf(err) != ivs.NotFound {
			s.t.Fatal(err)
		}
	}
	return ivs.Session{}
}

func (s *sqlite) log(id string) []ivs.Event {
	s.t.Helper()
	evs, err := s.SessionEvents(s.t.Context(), id, ivs.MaxSessionEvents)
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Reverse(evs)
	return evs
}

// What holds of the small database of these tests holds of the real one.
func TestSimulationOnSQLite(t *testing.T) {
	seed := rand.Uint64()
	t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			chs := []ivs.Channel{testChannel("a"), testChannel("b"), testChannel("c")}
			simulate(t, seed, openSQLite(t, chs...), chs, 300)
		})
	})
}
