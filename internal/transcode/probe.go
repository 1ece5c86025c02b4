package transcode

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"openivs/internal/media"
)

// A Fitness is what a program called ffmpeg turned out to be.
type Fitness struct {
	Version string // as it calls itself; "": it did not
	Err     error  // why it cannot be used; nil: it can
}

// oldest is the oldest version that knows all that it is told here.
const oldest = 5.1

// patience is how long a program may take to show what it can.
const patience = 20 * time.Second

// trial is FLV of twelve pictures, of which the first, sixth and eleventh are
// keyframes.
//
//go:embed trial.flv
var trial []byte

// Probe finds out whether a program can do what is asked of it here: what it
// says of itself, and a moment of video through the command line that streams
// use.
func Probe(ctx context.Context, program string) Fitness {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var f Fitness
	cmd := exec.CommandContext(ctx, program, "-version")
	cmd.Env = []string{"LC_ALL=C"}
	text, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		f.Err = fmt.Errorf("%s is not installed", program)
		return f
	}
	if err != nil {
		f.Err = fmt.Errorf("%s -version: %w", program, err)
		return f
	}
	line, _, _ := strings.Cut(string(text[:min(len(text), maxWords)]), "\n")
	f.Version, _, _ = strings.Cut(line, " Copyright")
	if f.Err = suits(f.Version); f.Err == nil {
		f.Err = try(ctx, program)
	}
	return f
}

// suits says what is wrong with a version. One that is not a number, as builds of
// a development branch have, is left to the trial.
func suits(version string) error {
	m := regexp.MustCompile(`^ffmpeg version n?(\d+\.\d+)`).FindStringSubmatch(version)
	if m == nil {
		return nil
	}
	if v, err := strconv.ParseFloat(m[1], 64); err == nil && v < oldest {
		return fmt.Errorf("it is version %s, and at least %.1f is needed", m[1], oldest)
	}
	return nil
}

// try makes a rung with all pictures and one with every other, and compares what
// comes out with what has to.
func try(ctx context.Context, program string) error {
	var mu sync.Mutex
	var failed error
	got := make([][]string, 2)
	v := &Video{
		Program: program,
		Watch:   Watch{Grace: patience, Stall: patience}, // its input has ended before it has begun
		Rungs: []Rung{
			{Width: 64, Height: 48, Framerate: 60, Video: 100_000},
			{Width: 32, Height: 24, Framerate: 30, Halved: true, Video: 50_000},
		},
		Write: func(rung int, u media.Unit, _ Line) {
			mu.Lock()
			defer mu.Unlock()
			got[rung] = append(got[rung], at(u.PTS, u.Key))
		},
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v.Lost = func(err error, _ int, _ time.Duration) {
		failed = err
		cancel()
	}
	var want [2][]string
	err := eachPicture(trial, func(u media.Unit) {
		n := len(want[0])
		want[0] = append(want[0], at(u.PTS, u.Key))
		if inGroup := n % 5; inGroup%2 == 0 {
			want[1] = append(want[1], at(u.PTS, u.Key))
		}
		v.WriteUnit(u, 0)
	})
	if err != nil {
		return fmt.Errorf("read the trial: %w", err)
	}
	v.End()
	v.Run(ctx)
	if failed != nil {
		return fmt.Errorf("it fails at a trial: %w", failed)
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			return fmt.Errorf("at a trial it made pictures at %v of those at %v", got[i], want[i])
		}
	}
	return nil
}

func at(pts media.Ticks, key bool) string {
	text := pts.Duration().String()
	if key {
		text += " (key)"
	}
	return text
}

// eachPicture yields the pictures of a piece of FLV.
func eachPicture(flv []byte, yield func(media.Unit)) error {
	var track *media.Track
	err := readTags(bytes.NewReader(flv), func(t tag) error {
		config, key, cts, data, err := readAVC(t.body)
		if err != nil {
			return err
		}
		if config {
			track, err = rungTrack(data, Rung{})
			return err
		}
		dts := media.Ticks(t.ms * ticksPerMS)
		yield(media.Unit{Track: track, DTS: dts, PTS: dts + media.Ticks(cts*ticksPerMS), Key: key, Data: data})
		return nil
	})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
