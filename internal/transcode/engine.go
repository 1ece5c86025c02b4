package transcode

import (
	"cmp"
	"runtime"
	"sync"
)

// perCore is how many pixels a second, decoded and encoded together, one core
// is taken to do: half of what was measured with a test picture, as real ones
// are harder, and viewers need the machine too.
const perCore = 100e6

// An Engine is what all streams of a server share: the program, and how many
// cores it may use. Set the fields before the first use and leave them alone
// afterwards.
type Engine struct {
	Program string  // ffmpeg
	Cores   float64 // 0: as many as the machine has

	mu   sync.Mutex
	used float64 // cores
}

// Load is how many cores are set aside, and how many may be.
func (e *Engine) Load() (used, most float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.used, e.most()
}

func (e *Engine) most() float64 { return cmp.Or(e.Cores, float64(runtime.NumCPU())) }

// Cost is how many cores a ladder takes for an input.
func (l Ladder) Cost(in Input) float64 {
	if len(l.Rungs) == 0 {
		return 0
	}
	pixels := float64(in.Width*in.Height) * in.Framerate
	for _, g := range l.Rungs {
		pixels += float64(g.Width*g.Height) * g.Framerate
	}
	return pixels / perCore
}

// Admit sets so many cores aside, and reports whether there were as many: a
// single stream always has enough. release gives them back, once.
func (e *Engine) Admit(cost float64) (release func(), ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.used > 0 && e.used+cost > e.most() {
		return nil, false
	}
	e.used += cost
	return sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.used -= cost; e.used < 1e-9 {
			e.used = 0
		}
	}), true
}
