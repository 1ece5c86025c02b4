package transcode_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeMode, set in a child's environment, makes this test program an ffmpeg of
// a bad kind. What else it has to know is in fakeFile.
const (
	fakeMode = "FAKE_FFMPEG"
	fakeFile = "FAKE_FILE"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeMode); mode != "" {
		os.Exit(fake(mode))
	}
	os.Exit(m.Run())
}

// fake plays an ffmpeg with one output.
func fake(mode string) int {
	out := os.NewFile(3, "output")
	switch mode {
	case "echo":
		return echo(out, -1)
	case "crash at start":
		return fail("no such encoder")
	case "crash in the middle":
		echo(out, 200_000)
		return fail("segmentation fault")
	case "crash once":
		if _, err := os.Stat(os.Getenv(fakeFile)); err != nil {
			_ = os.WriteFile(os.Getenv(fakeFile), nil, 0o600)
			echo(out, 60_000)
			return fail("segmentation fault")
		}
		return echo(out, -1)
	case "read nothing":
		select {}
	case "say nothing":
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	case "ignore the end":
		echo(out, -1)
		signal.Ignore(syscall.SIGTERM)
		select {}
	case "garbage":
		_, _ = out.Write(bytes.Repeat([]byte("garbage"), 1000))
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	case "garbage in FLV":
		_, _ = out.Write([]byte("FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00\x09\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00"))
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	case "other times":
		return shifted(out)
	case "leave early":
		echo(out, 60_000)
		return 0
	case "close its output":
		out.Close()
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	case "slow":
		return slow(out)
	case "much memory":
		return hoard(out)
	case "grandchild":
		return grandchild(out)
	case "descriptors":
		return descriptors()
	default:
		return fail("no such mode: " + mode)
	}
}

func fail(why string) int {
	fmt.Fprintln(os.Stderr, why)
	return 1
}

// echo copies so many bytes of what comes in, which is good output; all if
// negative.
func echo(out io.Writer, n int64) int {
	in := io.Reader(os.Stdin)
	if n >= 0 {
		in = io.LimitReader(in, n)
	}
	if _, err := io.Copy(out, in); err != nil {
		return 1
	}
	return 0
}

// shifted copies what comes in with other timestamps.
func shifted(out io.Writer) int {
	b := make([]byte, 13+11)
	if _, err := io.ReadFull(os.Stdin, b); err != nil {
		return 1
	}
	size := int(b[14])<<16 | int(b[15])<<8 | int(b[16])
	body := make([]byte, size+4)
	if _, err := io.ReadFull(os.Stdin, body); err != nil {
		return 1
	}
	_, _ = out.Write(append(b, body...)) // the configuration
	head := make([]byte, 11)
	for {
		if _, err := io.ReadFull(os.Stdin, head); err != nil {
			return 0
		}
		body := make([]byte, int(head[1])<<16|int(head[2])<<8|int(head[3])+4)
		if _, err := io.ReadFull(os.Stdin, body); err != nil {
			return 0
		}
		head[4] ^= 0x40
		_, _ = out.Write(append(bytes.Clone(head), body...))
	}
}

// slow takes a little at a time.
func slow(out io.Writer) int {
	tick := time.NewTicker(2 * time.Millisecond)
	b := make([]byte, 500)
	for range tick.C {
		n, err := os.Stdin.Read(b)
		if err != nil {
			return 0
		}
		_, _ = out.Write(b[:n])
	}
	return 0
}

// hoard takes memory until it gets no more.
func hoard(out io.Writer) int {
	go echo(out, -1)
	var all [][]byte
	for range 8 << 10 {
		b := bytes.Repeat([]byte{1}, 1<<20)
		all = append(all, b)
	}
	return len(all) & 1
}

// grandchild leaves a program behind that has all its descriptors, and says
// which in a file.
func grandchild(out *os.File) int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	cmd := exec.Command(self)
	cmd.Env = []string{fakeMode + "=read nothing"}
	cmd.ExtraFiles = []*os.File{out}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return fail(err.Error())
	}
	// The directory of a limit of no file size: a link has none.
	_ = os.Symlink(strconv.Itoa(cmd.Process.Pid), os.Getenv(fakeFile))
	return echo(out, 60_000)
}

// descriptors complains of every descriptor that is not one of its pipes.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fail(err.Error())
	}
	for _, e := range entries {
		n, _ := strconv.Atoi(e.Name())
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); n > 3 && err == nil && to != "/proc/"+strconv.Itoa(os.Getpid())+"/fd" &&
			!strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "/sys/fs/cgroup/") { // which are of Go's own
			fmt.Fprintln(os.Stderr, "descriptor", n, "is", to)
		}
	}
	fmt.Fprintln(os.Stderr, "environment", len(os.Environ()))
	return 1
}
