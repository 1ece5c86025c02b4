package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"openivs/e2e/server"
)

var program string // built by TestMain

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(beBare) != "" {
		fmt.Fprintln(os.Stderr, bare())
		return 1
	}
	dir, err := os.MkdirTemp("", "openivs-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "openivs")
	build := exec.Command("go", "build", "-o", program, "../cmd/openivs")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building openivs:", err)
		return 1
	}
	return m.Run()
}

// serve starts a server on dir and stops it when the benchmark ends.
func serve(b *testing.B, dir string, args ...string) *server.Server {
	b.Helper()
	s, err := server.Start(b.Context(), program, dir, args...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Stop(syscall.SIGTERM); err != nil {
			b.Error(err)
		}
	})
	return s
}

// ticksPerSecond is USER_HZ, the unit of /proc/PID/stat; Linux has it at 100 for
// every program.
const ticksPerSecond = 100

// used is the processor time that a process has had so far.
func used(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	// The program's name may contain spaces; what follows its bracket does not.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// resident is the memory of a process, in MiB.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages) * float64(os.Getpagesize()) / (1 << 20)
}
