package lock_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/lock"
)

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func TestADirectoryIsHeldByOneProcess(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv(lockedDir) != "" {
		holdLock(t)
		return
	}
	held, err := lock.Dir(dir)
	must(t, "Dir", err)
	_, err = lock.Dir(dir)
	if ivs.CodeOf(err) != ivs.Conflict {
		t.Errorf("a second lock: %v, want a conflict", err)
	}
	must(t, "Release", held.Release())

	// Another process has it, and is then killed.
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), lockedDir+"="+dir)
	out, err := child.StdoutPipe()
	must(t, "pipe", err)
	must(t, "start", child.Start())
	first := make([]byte, len("locked"))
	if _, err := out.Read(first); err != nil || string(first) != "locked" {
		t.Fatalf("the other process said %q, %v", first, err)
	}
	_, err = lock.Dir(dir)
	if err == nil || !strings.Contains(err.Error(), "pid "+strconv.Itoa(child.Process.Pid)) {
		t.Errorf("while another process has it: %v, want its pid %d", err, child.Process.Pid)
	}
	must(t, "kill", child.Process.Kill())
	_ = child.Wait() // it was killed
	held, err = lock.Dir(dir)
	must(t, "Dir after its holder was killed", err)
	must(t, "Release", held.Release())

	_, err = lock.Dir(filepath.Join(dir, "missing"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("lock of a missing directory: %v", err)
	}
}

// lockedDir tells a child process which directory to lock.
const lockedDir = "OPENIVS_TEST_LOCKED_DIR"

func holdLock(t *testing.T) {
	t.Helper()
	_, err := lock.Dir(os.Getenv(lockedDir))
	must(t, "Dir", err)
	_, err = os.Stdout.WriteString("locked")
	must(t, "tell", err)
	select {} // until killed
}

// Looking whether a directory is held takes it from nobody.
func TestWhoLooksIsInNobodysWay(t *testing.T) {
	dir := t.TempDir()
	look := func(want bool) {
		t.Helper()
		if held, err := lock.DirHeld(dir); err != nil || held != want {
			t.Errorf("DirHeld = %v, %v; want %v", held, err, want)
		}
	}
	look(false) // there is not even a file
	var looking sync.WaitGroup
	done := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := lock.DirHeld(dir); err != nil {
				t.Error(err)
			}
			<-time.After(time.Millisecond)
		}
	})
	for range 50 {
		l, err := lock.Dir(dir)
		if err != nil {
			t.Fatal(err)
		}
		look(true)
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	looking.Wait()
	look(false)
}
