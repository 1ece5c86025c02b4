package transcode

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

// floor is the least PSNR that a rung may have against its source, scaled, in dB:
// of a test picture that is harder than most of what is streamed.
const floor = 36

var average = regexp.MustCompile(`average:([0-9.]+)`)

// TestRungsLookLikeTheSource compares the pictures of every rung with the source's
// of the same time.
func TestRungsLookLikeTheSource(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "source.flv")
	encode := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error",
		"-f", "lavfi", "-i", "testsrc2=size=852x480:rate=30:duration=3", "-c:v", "libx264", "-preset", "superfast", "-bf", "2", "-g", "45",
		"-b:v", "3M", "-pix_fmt", "yuv420p", "-flvflags", "no_duration_filesize+no_metadata+no_sequence_end", source)
	if out, err := encode.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	flv, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	rungs := LadderOf(ivs.Standard, "", Input{852, 480, 30}).Rungs
	var mu sync.Mutex
	got := make([][]media.Unit, len(rungs))
	v := &Video{Program: "ffmpeg", Rungs: rungs, Write: func(i int, u media.Unit, _ Line) {
		mu.Lock()
		defer mu.Unlock()
		got[i] = append(got[i], u)
	}}
	v.Lost = func(err error, _ int, _ time.Duration) { t.Error(err) }
	if err := eachPicture(flv, func(u media.Unit) { v.WriteUnit(u, 0) }); err != nil {
		t.Fatal(err)
	}
	v.End()
	v.Run(t.Context())
	for i, g := range rungs {
		file := filepath.Join(dir, g.Name+".flv")
		if err := write(file, got[i]); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-nostdin", "-i", file, "-i", source, "-lavfi",
			fmt.Sprintf("[1:v]scale=%d:%d:flags=bicubic[r];[0:v][r]psnr", g.Width, g.Height), "-f", "null", "-").CombinedOutput()
		m := average.FindSubmatch(out)
		if err != nil || m == nil {
			t.Fatalf("%v: %s", err, out)
		}
		if db, err := strconv.ParseFloat(string(m[1]), 64); err != nil || db < floor || len(got[i]) != 90 {
			t.Errorf("%s: %d pictures, PSNR %s dB, want at least %d", g.Name, len(got[i]), m[1], floor)
		} else {
			t.Logf("%s: PSNR %s dB", g.Name, m[1])
		}
	}
}

// write makes a file of units.
func write(name string, units []media.Unit) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	_, _ = out.Write(flvHead(tagVideo))
	if err := writeTag(out, tagVideo, 0, avcHead(true, 0, 0), units[0].Track.Config); err != nil {
		return err
	}
	for _, u := range units {
		if err := writeTag(out, tagVideo, ms(u.DTS), avcHead(u.Key, 1, ms(u.PTS)-ms(u.DTS)), u.Data); err != nil {
			return err
		}
	}
	return nil
}
