package playback

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"openivs/internal/ivs"
)

const (
	// barredEvery is how often revocations are looked for.
	barredEvery = 500 * time.Millisecond

	// barredPage is how many are read at a time.
	barredPage = 1000
)

// Barred knows the viewers whose sessions are over: all of them, at about 200
// bytes each, so that no request waits for the database. Every server that
// shares a database follows it for itself. Set the fields before the first use
// and leave them alone afterwards.
type Barred struct {
	// After returns at most limit revocations that were noted after a change,
	// and the number of the last. 0 is before all. Required.
	After func(ctx context.Context, change int64, limit int) ([]ivs.Revocation, int64, error)
	Log   *slog.Logger // required

	reading sync.Mutex
	change  int64 // the last that was read

	mu       sync.RWMutex
	versions map[barredViewer]int64 // the highest that is over
}

type barredViewer struct {
	channel ivs.ARN
	viewer  string
}

// Load reads all there are: before anybody is let in, and when one was noted here,
// which is then in force once Load returns.
func (b *Barred) Load(ctx context.Context) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	for {
		list, next, err := b.After(ctx, b.change, barredPage)
		if err != nil {
			return err
		}
		b.note(list)
		b.change = next
		if len(list) < barredPage {
			return nil
		}
	}
}

// Run follows what is revoked until ctx ends. While the database is away,
// nobody else is barred.
func (b *Barred) Run(ctx context.Context) {
	look := time.NewTicker(barredEvery)
	defer look.Stop()
	away := false
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		err := b.Load(ctx)
		if err != nil && !away && ctx.Err() == nil {
			b.Log.Error("revoked viewers cannot be looked for: none is shut out until they can", "err", err)
		}
		away = err != nil
	}
}

func (b *Barred) note(list []ivs.Revocation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.versions == nil {
		b.versions = make(map[barredViewer]int64)
	}
	for _, v := range list {
		b.versions[barredViewer{v.Channel, v.Viewer}] = v.Version
	}
}

// has reports whether a viewer's sessions of a version are over.
func (b *Barred) has(channel ivs.ARN, viewer string, version int64) bool {
	if b == nil || viewer == "" {
		return false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	last, revoked := b.versions[barredViewer{channel, viewer}]
	return revoked && version <= last
}
