// Package headroom watches how much is free on a disk, and says what has to stop for it
// to stay that way.
//
// It frees nothing and stops nothing itself: who uses the disk asks.
package headroom

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// every is how often a Guard looks.
const every = 5 * time.Second

// A Level is how little is free.
type Level int32

// The levels. At each, what stopped at those before it stays stopped.
const (
	Enough       Level = iota
	Little             // an operator should look
	NoThumbnails       // nothing is made that can be left out
	NoRecordings       // nothing begins that grows
)

// String is the level in words.
func (l Level) String() string {
	switch l {
	case Little:
		return "there is little room on the disk"
	case NoThumbnails:
		return "there is so little room on the disk that no thumbnails are made"
	case NoRecordings:
		return "there is so little room on the disk that no recording begins"
	default:
		return "there is enough room on the disk"
	}
}

// A Guard looks at a disk. Set the fields before the first Look and leave them alone
// afterwards.
type Guard struct {
	Free  func() (bytes int64, known bool) // required
	Marks [NoRecordings]int64              // bytes below which Little, NoThumbnails and NoRecordings begin; 0: they never do
	Log   *slog.Logger                     // required

	level atomic.Int32
	free  atomic.Int64
}

// Level is what held when the guard last looked. It does not wait.
func (g *Guard) Level() Level { return Level(g.level.Load()) }

// Bytes is how much was free when the guard last looked.
func (g *Guard) Bytes() int64 { return g.free.Load() }

// Look looks at the disk.
func (g *Guard) Look() {
	free, known := g.Free()
	if !known {
		return
	}
	g.free.Store(free)
	was := g.Level()
	now := g.judge(free, was)
	if now == was {
		return
	}
	g.level.Store(int32(now))
	if now > was {
		g.Log.Warn("the disk fills", "reason", now.String(), "free", free)
		return
	}
	g.Log.Info("the disk has more room again", "reason", now.String(), "free", free)
}

// judge says which level holds after another. What has stopped begins again only when
// there is a tenth more than the mark, or it would stop and begin all the time.
func (g *Guard) judge(free int64, was Level) (l Level) {
	for i, mark := range g.Marks {
		this := Level(i + 1)
		if this <= was {
			mark += mark / 10
		}
		if free < mark {
			l = this
		}
	}
	return l
}

// Run looks every few seconds until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		g.Look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
