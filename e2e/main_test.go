package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

var soak = flag.Bool("soak", false, "run the long matrices whole")

// built is where TestMain puts what all tests share: the program, and the clips
// that are encoded once.
var built struct {
	openivs string // the server
	command string // the same, for all else that it does
	clips   string
	seed    int64
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "openivs-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built.openivs = filepath.Join(dir, "openivs")
	built.clips = dir
	built.seed = time.Now().UnixNano()
	if s := os.Getenv("E2E_SEED"); s != "" {
		if built.seed, err = strconv.ParseInt(s, 10, 64); err != nil {
			fmt.Fprintln(os.Stderr, "E2E_SEED:", err)
			return 1
		}
	}
	fmt.Printf("E2E_SEED=%d\n", built.seed) //nolint:forbidigo // the seed belongs in the output of every run
	built.command = built.openivs
	if os.Getenv("E2E_RACE") != "" { // which makes commands take seconds to start
		built.command = filepath.Join(dir, "command", "openivs")
		if !compile(built.openivs, "-race") {
			return 1
		}
	}
	if !compile(built.command) {
		return 1
	}
	return m.Run()
}

// compile builds openivs, and reports whether that went well.
func compile(name string, flags ...string) bool {
	build := exec.Command("go", append(append([]string{"build", "-o", name}, flags...), "../cmd/openivs")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building openivs:", err)
		return false
	}
	return true
}

// onlySoak leaves a test out of a short run: it watches for minutes, or measures
// time on a machine that it wants for itself.
func onlySoak(t *testing.T) {
	t.Helper()
	if !*soak {
		t.Skip("runs with -soak (make soak)")
	}
}
