package transcode

import (
	"math"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// politeness is how far children stand back behind the server, which carries
// every stream (setpriority(2)).
const politeness = 2

// confine has the child be the first of a process group of its own, which dies
// with us, and inherit nothing that we were started with by mistake.
func confine(cmd *exec.Cmd) {
	_ = unix.CloseRange(firstPipe, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) // what is for the child is duplicated for it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// limit takes from a child what it does not need: memory without end, files,
// and the first place. A child that is gone already needs no limit, and where
// the kernel refuses, it goes on without.
func limit(pid int) {
	for what, most := range map[int]uint64{
		unix.RLIMIT_DATA:  memory,
		unix.RLIMIT_CORE:  0,
		unix.RLIMIT_FSIZE: 0,
	} {
		_ = unix.Prlimit(pid, what, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
	_ = unix.Setpriority(unix.PRIO_PGRP, pid, politeness)
}

// end kills the group. Its id stays the child's until the last of the group is
// gone.
func (c *child) end() { _ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) }
