package transcode

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

// clip encodes a test picture without reordering.
func clip(b *testing.B, in Input) []byte {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%v:duration=6", in.Width, in.Height, in.Framerate),
		"-c:v", "libx264", "-preset", "superfast", "-bf", "0", "-g", fmt.Sprint(2*in.Framerate), "-b:v", "5M", "-maxrate", "5M", "-bufsize", "5M",
		"-pix_fmt", "yuv420p", "-flvflags", "no_duration_filesize+no_metadata+no_sequence_end", "-f", "flv", "-").Output()
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// children is the processor time of all processes that have ended.
func children(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLadder makes the rungs of STANDARD from six seconds that come as they
// would live. It reports how much later than its source a picture comes out, and
// the processor time beside that of the same command on a file.
func BenchmarkLadder(b *testing.B) {
	for _, in := range []Input{{1280, 720, 30}, {1920, 1080, 30}} {
		b.Run(fmt.Sprintf("%dp%v", in.Height, in.Framerate), func(b *testing.B) {
			flv := clip(b, in)
			rungs := LadderOf(ivs.Standard, "", in).Rungs
			b.ReportAllocs()
			for b.Loop() {
				before := children(b)
				late := make([][]time.Duration, len(rungs))
				var length time.Duration
				var mu sync.Mutex
				v := &Video{Program: "ffmpeg", Rungs: rungs, Write: func(i int, u media.Unit, _ Line) {
					mu.Lock()
					defer mu.Unlock()
					late[i] = append(late[i], time.Since(u.At))
				}}
				var work sync.WaitGroup
				work.Go(func() { v.Run(b.Context()) })
				start := time.Now()
				err := eachPicture(flv, func(u media.Unit) {
					length = u.DTS.Duration()
					<-time.After(time.Until(start.Add(length)))
					u.At = time.Now()
					v.WriteUnit(u, 0)
				})
				if err != nil {
					b.Fatal(err)
				}
				v.End()
				work.Wait()
				ours := children(b) - before
				for i, g := range rungs {
					slices.Sort(late[i])
					n := len(late[i])
					b.ReportMetric(late[i][n/2].Seconds()*1000, g.Name+"-p50-ms")
					b.ReportMetric(late[i][n*99/100].Seconds()*1000, g.Name+"-p99-ms")
				}
				b.ReportMetric(100*ours.Seconds()/length.Seconds(), "%core")
				b.ReportMetric(length.Seconds()/ours.Seconds(), "children/core")
				b.ReportMetric(100*byHand(b, flv, rungs).Seconds()/length.Seconds(), "%core-by-hand")
			}
		})
	}
}

// byHand is the processor time of the same command from and to files.
func byHand(b *testing.B, flv []byte, rungs []Rung) time.Duration {
	b.Helper()
	before := children(b)
	args := videoArgs(rungs, 0)
	cmd := exec.CommandContext(b.Context(), "ffmpeg", args...)
	cmd.Stdin = bytes.NewReader(flv)
	for i := range rungs {
		f, err := os.Create(filepath.Join(b.TempDir(), fmt.Sprint(i)))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.Stderr = io.Discard
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return children(b) - before
}

// BenchmarkBook enters a picture and finds it again.
func BenchmarkBook(b *testing.B) {
	given := new(book)
	u := fed{Unit: media.Unit{Data: make([]byte, 1000)}}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		u.DTS += 3000
		u.PTS = u.DTS
		_, pts := given.enter(u, now)
		if _, err := given.find(pts, 0); err != nil {
			b.Fatal(err)
		}
	}
}
